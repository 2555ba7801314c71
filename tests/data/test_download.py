"""Downloads from a server on this machine: whole and right, or nothing."""

import hashlib
import http.server
import socket
import threading
import time

import pytest

from jaxcifar.core.errors import UserError
from jaxcifar.data.download import OFFICIAL, Remote, download

CONTENT = bytes(range(256)) * 4_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:-1000] if self.path == "/cut" else CONTENT)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def server():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def _refused(remote, folder, **options):
    """The refusal's message, after checking that it has three lines and left nothing behind."""
    with pytest.raises(UserError) as caught:
        download(remote, folder / "a.tar.gz", **options)
    message = str(caught.value)
    assert len(message.splitlines()) <= 3
    assert "prepare --from FILE" in message and "--config.data.name=synthetic" in message
    assert not folder.exists() or list(folder.iterdir()) == []
    return message


def test_official_archive():
    """Pinned: what TFDS, among others, registers for the published binary archive."""
    assert OFFICIAL.url == "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
    assert OFFICIAL.sha256.startswith("c4a38c50a1bc5f3a") and len(OFFICIAL.sha256) == 64


@pytest.mark.parametrize("path", ["/whole", "/unsized"])
def test_success(server, tmp_path, path):
    target = tmp_path / "new" / "folder" / "a.tar.gz"
    download(Remote(server + path, SHA256), target)
    assert target.read_bytes() == CONTENT
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.reliability("T14")
def test_other_bytes_are_refused(server, tmp_path):
    message = _refused(Remote(server + "/whole", "0" * 64), tmp_path / "out")
    assert f"sent a file with SHA-256 {SHA256}\nexpected {'0' * 64}; nothing" in message


@pytest.mark.reliability("T14")
def test_truncated_transfer_is_refused(server, tmp_path):
    message = _refused(Remote(server + "/cut", SHA256), tmp_path / "out")
    assert "the transfer ended after 1,023,000 of 1,024,000 bytes" in message


@pytest.mark.reliability("T14")
def test_missing_file_is_refused(server, tmp_path):
    assert "HTTP Error 404" in _refused(Remote(server + "/missing", SHA256), tmp_path / "out")


@pytest.mark.reliability("T14")
def test_refused_connection(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        assert f"cannot fetch {url}: " in _refused(Remote(url, SHA256), tmp_path / "out")


@pytest.mark.reliability("T14")
def test_a_server_that_says_nothing_is_not_waited_for(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        began = time.monotonic()
        by_deadline = _refused(Remote(url, SHA256), tmp_path / "out", timeout=2, deadline=0.3)
        assert "no answer within 0.3 s" in by_deadline
        by_timeout = _refused(Remote(url, SHA256), tmp_path / "out", timeout=0.3, deadline=5)
        assert "timed out" in by_timeout
        assert time.monotonic() - began < 4


def test_unwritable_folder_is_refused(server, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="whole to .*file: "):
        download(Remote(server + "/whole", SHA256), tmp_path / "file" / "a.tar.gz")
