// Command probe is all that a test cluster needs of small programs: what a pod's
// sandbox and the cluster's own namespaces run, a port forwarder, and what test
// pods do. It is static, so an image needs nothing else.
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

const usage = `usage:
  probe pause                       reap children until TERM
  probe forward FD HOST:PORT        serve the listening socket FD by connecting to HOST:PORT
  probe resolve NAME                print the addresses of NAME
  probe get URL                     print what URL answers
  probe exit CODE [MESSAGE]         end with CODE, MESSAGE being the termination message
  probe sleep SECONDS`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	command := ""
	if len(arguments) > 0 {
		command, arguments = arguments[0], arguments[1:]
	}
	switch {
	case command == "pause" && len(arguments) == 0:
		pause()
		return nil
	case command == "forward" && len(arguments) == 2:
		return forward(arguments[0], arguments[1])
	case command == "resolve" && len(arguments) == 1:
		return resolve(arguments[0])
	case command == "get" && len(arguments) == 1:
		return get(arguments[0])
	case command == "exit" && (len(arguments) == 1 || len(arguments) == 2):
		return exit(arguments)
	case command == "sleep" && len(arguments) == 1:
		return sleep(arguments[0])
	}
	return fmt.Errorf("%s", usage)
}

// pause is for process 1 of a PID namespace, to which orphans fall.
func pause() {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGTERM, syscall.SIGINT)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			if err != nil || pid <= 0 {
				break
			}
		}
	}
}

// forward serves a socket that may belong to another network namespace than
// the one in which it connects.
func forward(descriptor, address string) error {
	number, err := strconv.Atoi(descriptor)
	if err != nil {
		return err
	}
	listener, err := net.FileListener(os.NewFile(uintptr(number), "listener"))
	if err != nil {
		return err
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			return err
		}
		go join(client.(*net.TCPConn), address)
	}
}

func join(client *net.TCPConn, address string) {
	defer client.Close()
	connection, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	server := connection.(*net.TCPConn)
	defer server.Close()
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		pour(server, client)
	}()
	pour(client, server)
	<-sent
}

// pour copies until the source ends; an error ends both directions.
func pour(target, source *net.TCPConn) {
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		source.Close()
		return
	}
	target.CloseWrite()
}

func resolve(name string) error {
	addresses, err := net.LookupHost(name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		fmt.Println(address)
	}
	return nil
}

func get(url string) error {
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		return err
	}
	if response.StatusCode >= 400 {
		return fmt.Errorf("%s", response.Status)
	}
	return nil
}

func exit(arguments []string) error {
	code, err := strconv.Atoi(arguments[0])
	if err != nil {
		return err
	}
	if len(arguments) > 1 {
		if err := os.WriteFile("/dev/termination-log", []byte(arguments[1]), 0o644); err != nil {
			return err
		}
	}
	os.Exit(code)
	return nil
}

func sleep(text string) error {
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return err
	}
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	return nil
}
