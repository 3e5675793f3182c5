"""ucimlrepo against a stand-in of the UCI repository."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import ucimlrepo.fetch

from generators.home import Home
from synthcare.contracts.contract import load_contract
from tests.driver import DATASET, cli, query

# Two of the contract's columns lack a value, in ways that pandas reads as one.
HEADER = ["encounter_id", *load_contract("encounters").file_labels]
ROW = {"race": "", "A1Cresult": "None", "patient_nbr": "7", "readmitted": ">30"}


class UCI(ThreadingHTTPServer):
    """Describes dataset 296 and serves its table; or knows no such dataset, or has no table."""

    is_known = True
    has_table = True


class _Handler(BaseHTTPRequestHandler):
    server: UCI

    def do_GET(self) -> None:
        if self.path.endswith("/data.csv"):
            rows = [HEADER, [ROW.get(label, "1") for label in HEADER]]
            self._send("text/csv", "\n".join(map(",".join, rows)))
            return
        assert self.path == "/api/dataset?id=296"
        if not self.server.is_known:
            self._send("application/json", json.dumps({"status": 404, "message": "no such set"}))
            return
        url = f"http://localhost:{self.server.server_port}/static/public/296/data.csv"
        described = {
            "uci_id": 296,
            "name": "Diabetes 130-US Hospitals",
            "data_url": url if self.server.has_table else None,
            "additional_info": None,
            "intro_paper": None,
            "variables": [
                {"name": label, "role": "ID" if label.endswith("_nbr") else "Feature"}
                for label in HEADER
            ],
        }
        self._send("application/json", json.dumps({"status": 200, "data": described}))

    def _send(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def uci(monkeypatch: pytest.MonkeyPatch) -> Iterator[UCI]:
    monkeypatch.setenv("NO_PROXY", "localhost")
    with UCI(("localhost", 0), _Handler) as server:
        address = f"http://localhost:{server.server_port}/api/dataset"
        monkeypatch.setattr(ucimlrepo.fetch, "API_BASE_URL", address)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_the_table_is_fetched_and_landed(home: Home, uci: UCI) -> None:
    done = cli("reference", "--dataset", "encounters", "--uci")
    assert done.exit_code == 0, done.output
    assert query(home, "select reference, rows_landed from raw.reference_files") == [
        ("diabetic_data.csv", 1)
    ]
    columns = 'race, "A1Cresult", patient_nbr, readmitted, time_in_hospital'
    assert query(home, f"select {columns} from raw.reference_encounters") == [
        (None, None, "7", ">30", "1")
    ]


@pytest.mark.parametrize("lacks", ["is_known", "has_table"])
def test_a_refusal_is_said_with_the_way_out(home: Home, uci: UCI, lacks: str) -> None:
    setattr(uci, lacks, False)
    refused = cli("reference", "--dataset", "encounters", "--uci")
    assert refused.exit_code == 2
    assert "UCI did not give dataset 296" in refused.stderr
    assert "Download diabetic_data.csv in a browser and use --csv" in refused.stderr
    assert query(home, "from raw.reference_files") == []


def test_what_is_not_there_is_not_asked_for(home: Home, uci: UCI) -> None:
    refused = cli("reference", "--dataset", DATASET, "--uci")
    assert refused.exit_code == 2
    assert f"The reference of {DATASET} is not at UCI. Use --csv." in refused.stderr
    twice = cli("reference", "--uci", "--kaggle")
    assert twice.exit_code == 2
    assert "Give one of --csv, --kaggle and --uci." in twice.stderr
