"""The service as Vertex AI and Cloud Storage: objects, tuning jobs, generated content."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import unquote

from tests.recommenders.prompted.openai_side import text
from tests.recommenders.prompted.server import Fields, Refused, Service

_STATES = {"queued": "QUEUED", "running": "RUNNING", "validating_files": "PENDING"}


def answer(
    state: Service, method: str, path: str, query: dict[str, str], body: Any, kind: str
) -> Any:
    """Return what Google answers."""
    if "/storage/" in path:
        return stored(state, method, path, body, kind)
    if path.endswith(":generateContent"):
        return generated(state, path, body)
    if not path.endswith("/tuningJobs"):
        return shown(state, advanced(state, path.removeprefix("/v1/")))
    if method == "POST":
        return shown(state, begun(state, path, body))
    return turned(state, query)


def stored(state: Service, method: str, path: str, body: bytes, kind: str) -> Fields:
    """Keep or show an object of Cloud Storage."""
    if method == "POST":
        found = re.search(r"""boundary=["']?([^"']+)""", kind)
        assert found
        _, meta, content, _ = body.split(b"--" + found[1].encode())
        fields = json.loads(meta.partition(b"\r\n\r\n")[2])
        kept = content.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        state.files.append({"name": fields["name"], "content": kept})
    name = unquote(path.rpartition("/o/")[2]) if method == "GET" else state.files[-1]["name"]
    for file in state.files:
        if file["name"] == name:
            return {"name": name, "bucket": "b", "size": str(len(file["content"]))}
    raise Refused(404, f"there is no {name}")


def begun(state: Service, path: str, body: Fields) -> Fields:
    """Begin a tuning job, of files that are there."""
    uri = body["supervisedTuningSpec"]["trainingDatasetUri"]
    if not any(uri == f"gs://some-bucket/{file['name']}" for file in state.files):
        raise Refused(400, f"there is no {uri}")
    name = f"{path.removeprefix('/v1/')}/{len(state.jobs)}"
    job = {"name": name, "body": body, "life": list(state.life), "state": "validating_files"}
    state.jobs.append(job)
    return job


def advanced(state: Service, name: str) -> Fields:
    """Return a job one step further; the step "vanished" takes it away."""
    for job in state.jobs:
        if job["name"] == name:
            if state.advanced(job)["state"] != "vanished":
                return job
            state.jobs.remove(job)
            break
    raise Refused(404, f"there is no {name}")


def shown(state: Service, job: Fields) -> Fields:
    """Return a job as the service shows it."""
    now = job["state"]
    fields = {
        **job["body"],
        "name": job["name"],
        "state": f"JOB_STATE_{_STATES.get(now, now.upper())}",
        "createTime": "2026-01-01T00:00:00Z",
    }
    if now == "failed":
        return fields | {"error": {"code": 3, "message": state.blame}}
    if now != "succeeded":
        return fields
    endpoint = job["name"].replace("tuningJobs", "endpoints")
    stats = {"supervisedTuningDataStats": {"totalBillableTokenCount": "500"}}
    return fields | {
        "endTime": "2026-01-01T00:01:00Z",
        "tunedModel": {"endpoint": endpoint},
        "tuningDataStats": stats,
    }


def turned(state: Service, query: dict[str, str]) -> Fields:
    """Return a page of jobs, newest first."""
    start = int(query.get("pageToken", 0))
    jobs = [shown(state, job) for job in state.jobs[::-1][start:]]
    more = {"nextPageToken": str(start + state.page)} if len(jobs) > state.page else {}
    return {"tuningJobs": jobs[: state.page], **more}


def generated(state: Service, path: str, body: Fields) -> Fields:
    """Return candidates, a word a token."""
    prompt = body["contents"][-1]["parts"][0]["text"]
    config = body["generationConfig"]
    endpoint = path.removeprefix("/v1/").partition(":")[0]
    if "/endpoints/" in path and not any(
        job["name"] == endpoint.replace("endpoints", "tuningJobs") for job in state.jobs
    ):
        raise Refused(404, "there is no such endpoint")
    state.check(prompt)
    if config["candidateCount"] > state.most:
        raise Refused(400, "multiple candidates are not enabled for this model")
    texts = [text(prompt, config["seed"], place) for place in range(config["candidateCount"])]
    usage = {"promptTokenCount": len(prompt.split())}
    if state.refuses in prompt:
        return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": usage}
    reason = "SAFETY" if state.filtered in prompt else "STOP"
    return {
        "candidates": [
            {
                "index": place,
                "finishReason": reason,
                "content": {"role": "model", "parts": [{"text": each}]},
            }
            for place, each in enumerate(texts)
        ],
        "usageMetadata": usage
        | {"candidatesTokenCount": sum(len(each.split()) for each in texts)}
        | {"thoughtsTokenCount": 1},
    }
