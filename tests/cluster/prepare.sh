#!/bin/sh
# Run inside a cluster's new namespaces, before all else there: what its programs would leave on
# the host is given to them as their own. $1 is the address of the node.
set -eu

mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/netns /run/sshd

# /var/lib/cni, /var/log/containers and others: places that no option changes.
for name in lib log; do
    mkdir -p "/run/var/$name/new" "/run/var/$name/work"
    mount -t overlay -o "lowerdir=/var/$name,upperdir=/run/var/$name/new,workdir=/run/var/$name/work" \
        overlay "/var/$name"
done

# What kubelet would set for the whole machine; it finds it set.
set_already() {
    mkdir -p "/run/sys/$(dirname "$1")"
    echo "$2" >"/run/sys/$1"
    mount --bind "/run/sys/$1" "/proc/sys/$1"
}
set_already vm/overcommit_memory 1
set_already vm/panic_on_oom 0
set_already kernel/panic 10
set_already kernel/panic_on_oops 1
set_already kernel/keys/root_maxkeys 1000000
set_already kernel/keys/root_maxbytes 25000000

ip link set lo up
# Before kubelet starts: it takes no node address that no link has.
ip link add cni0 type bridge
ip address add "$1/24" dev cni0
ip link set cni0 up
echo 1 >/proc/sys/net/ipv4/ip_forward
[ -e /proc/sys/net/bridge ] || modprobe br_netfilter
echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
