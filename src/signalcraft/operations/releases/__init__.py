"""Releases: each in a folder of its own with its own environment; built, activated, taken back, on record.

    DATA_DIR/releases/<id>/                the wheel, its lock files, `.venv`, PM2
    DATA_DIR/releases/deployments.jsonl    one line a deployment

`command` is what the operator calls, in the release that runs. It builds the new one (`build`) and hands over
to the new one's own `activate`, which alone knows what its processes need.
"""
