"""kagglehub against a stand-in of Kaggle, at the port that its client keeps for tests."""

import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from generators.home import Home
from synthcare.contracts.contract import Contract
from tests.driver import cli, csv_row, query

PORT = 7777  # of kagglesdk's KaggleEnv.TEST

pytestmark = pytest.mark.xdist_group("kaggle")  # one of the parallel processes has the port


class Kaggle(ThreadingHTTPServer):
    """Serves `file` as Kaggle does: a version, then a redirect to a zip; or refuses with 403."""

    allow_reuse_address = True
    file: bytes
    name: str
    is_private = False


class _Handler(BaseHTTPRequestHandler):
    server: Kaggle

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert (asked["ownerSlug"], asked["datasetSlug"]) == ("prasad22", "healthcare-dataset")
        if self.server.is_private:
            self._answer(403, {"code": 403, "message": "Permission 'datasets.get' was denied"})
        elif self.path.endswith("/GetDataset"):
            self._answer(200, {"ref": "prasad22/healthcare-dataset", "currentVersionNumber": 2})
        else:
            self.send_response(302)
            self.send_header("Location", f"http://localhost:{PORT}/{self.server.name}.zip")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(self.server.name, self.server.file)
        self._send(200, "application/zip", packed.getvalue())

    def _answer(self, status: int, body: dict) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def kaggle(contract: Contract, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kaggle]:
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "localhost")
    with Kaggle(("localhost", PORT), _Handler) as server:
        server.name = contract.reference.file
        server.file = f"{','.join(contract.labels)}\r\n{csv_row()}\r\n".encode()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_file_is_fetched_from_kaggle_and_landed(home: Home, kaggle: Kaggle) -> None:
    done = cli("reference", "--kaggle")
    assert done.exit_code == 0, done.output
    assert query(home, "select reference, rows_landed from raw.reference_files") == [
        ("healthcare_dataset.csv", 1)
    ]


def test_a_refusal_of_kaggle_is_said_with_the_way_out(home: Home, kaggle: Kaggle) -> None:
    kaggle.is_private = True
    refused = cli("reference", "--kaggle")
    assert refused.exit_code == 2
    assert "Kaggle did not give prasad22/healthcare-dataset" in refused.stderr
    assert "Download healthcare_dataset.csv in a browser and use --csv" in refused.stderr
    assert query(home, "from raw.reference_files") == []
