"""Containers of the images, unpacked once for the tests here."""

from collections.abc import Iterator

import pytest

from images.archive import Archive
from images.container import Buildah, Container, buildah
from images.fixtures import Images
from servers.fixtures import requirements


@pytest.fixture(scope="session")
def store(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Buildah]:
    with requirements(), buildah(tmp_path_factory.mktemp("buildah")) as made:
        yield made


@pytest.fixture(scope="session")
def trainer(store: Buildah, images: Images) -> Container:
    return _container(store, Archive(images.trainer))


@pytest.fixture(scope="session")
def operator(store: Buildah, images: Images) -> Container:
    return _container(store, Archive(images.operator))


def _container(store: Buildah, archive: Archive) -> Container:
    return Container(store.unpack(store.load(archive)), archive.environment)
