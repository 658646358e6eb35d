"""The service as OpenAI: files, fine-tuning jobs, batches, chat completions."""

from __future__ import annotations

import json
import re
import time
from typing import Any

from tests.recommenders.prompted.server import Fields, Refused, Service, turned


def answer(
    state: Service, method: str, path: str, query: dict[str, str], body: Any, kind: str
) -> Any:
    """Return what OpenAI answers."""
    parts = path.removeprefix("/v1/").split("/")
    match method, parts:
        case "POST", ["chat", "completions"]:
            return chat(state, body)
        case "GET", ["models"]:
            return {"object": "list", "data": state.models}
        case "POST", ["files"]:
            return upload(state, body, kind)
        case "GET", ["files"]:
            kept = [f for f in state.files if f["purpose"] == query["purpose"]]
            return turned([shown_file(file) for file in kept], query, state.page)
        case "GET", ["files", name, "content"]:
            return found(state.files, name)["content"]
        case "POST", ["fine_tuning", "jobs"]:
            return shown_job(state, begun_job(state, body))
        case "GET", ["fine_tuning", "jobs"]:
            return turned([shown_job(state, job) for job in state.jobs], query, state.page)
        case "GET", ["fine_tuning", "jobs", name]:
            return shown_job(state, advanced_job(state, found(state.jobs, name)))
        case "GET", ["fine_tuning", "jobs", name, "events"]:
            return turned(found(state.jobs, name)["events"], query, state.page)
        case "GET", ["fine_tuning", "jobs", name, "checkpoints"]:
            return checkpoints(state, name)
        case "POST", ["batches"]:
            return shown_batch(begun_batch(state, body))
        case "GET", ["batches"]:
            return turned([shown_batch(batch) for batch in state.batches], query, state.page)
        case "GET", ["batches", name]:
            return shown_batch(advanced_batch(state, found(state.batches, name)))
    raise Refused(404, f"there is no {path}")


def found(things: list[Fields], name: str) -> Fields:
    """Return one of several things."""
    for thing in things:
        if thing["id"] == name:
            return thing
    raise Refused(404, f"there is no {name}")


def text(prompt: str, seed: int, place: int) -> str:
    """Return the completion that the service has for a prompt."""
    return f"{prompt[::-1][:40]} {seed + place}"


def chat(state: Service, body: Fields) -> Fields:
    """Return chat completions, a word a token."""
    prompt, count = body["messages"][-1]["content"], body.get("n", 1)
    state.check(prompt)
    if count > state.most:
        raise Refused(400, f"n must be at most {state.most}")
    if body["model"].startswith("ft:") and not any(
        body["model"].startswith(f"ft:{job['id']}") for job in state.jobs
    ):
        raise Refused(404, "the model does not exist", "model_not_found")
    if state.refuses in prompt:
        raise Refused(400, "we do not answer that", "content_policy_violation")
    texts = [text(prompt, body["seed"], place) for place in range(count)]
    held = state.filtered in prompt
    choices = [
        {
            "index": place,
            "finish_reason": "content_filter" if held else "stop",
            "message": {"role": "assistant", "content": None if held else each},
        }
        for place, each in enumerate(texts)
    ]
    read = sum(len(each["content"].split()) for each in body["messages"])
    written = sum(len(each.split()) for each in texts)
    return {
        "id": "chat",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": choices,
        "usage": {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read},
    }


def upload(state: Service, body: bytes, kind: str) -> Fields:
    """Keep a file of a multipart form."""
    boundary = kind.partition("boundary=")[2].encode()
    form: dict[str, bytes] = {}
    for part in body.split(b"--" + boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'[; ]name="([^"]*)"', head)
        if name:
            form[name[1].decode()] = content.removesuffix(b"\r\n")
        if filename := re.search(rb'filename="([^"]*)"', head):
            form["filename"] = filename[1]
    kept = new(state, "file", filename=form["filename"].decode(), purpose=form["purpose"].decode())
    state.files.append(kept | {"bytes": len(form["file"]), "content": form["file"]})
    return shown_file(state.files[-1])


def shown_file(file: Fields) -> Fields:
    """Return a file as the service shows it."""
    return {key: value for key, value in file.items() if key != "content"}


def new(service: Service, kind: str, **more: Any) -> Fields:
    """Return a thing with an id of its own."""
    number = len(service.files) + len(service.jobs) + len(service.batches)
    made = int(time.time())
    return {
        "id": f"{kind}-{number}",
        "object": kind,
        "created_at": made,
        "status": "processed",
    } | more


def begun_job(state: Service, body: Fields) -> Fields:
    """Begin a fine-tuning."""
    found(state.files, body["training_file"])
    job = new(state, "job", life=list(state.life), state="validating_files", body=body, events=[])
    state.jobs.append(job)
    happened(job, "created")
    return job


def happened(job: Fields, message: str) -> None:
    """Add an event."""
    job["events"].append(
        {
            "id": f"event-{len(job['events'])}",
            "object": "fine_tuning.job.event",
            "created_at": 1,
            "level": "info",
            "message": message,
        }
    )


def advanced_job(state: Service, job: Fields) -> Fields:
    """Return a job one step further; the step "vanished" takes it away."""
    before = job["state"]
    state.advanced(job)
    if job["state"] == "vanished":
        state.jobs.remove(job)
        raise Refused(404, "there is no such job")
    if job["state"] != before:
        happened(job, f"now {job['state']}")
    return job


def shown_job(state: Service, job: Fields) -> Fields:
    """Return a job as the service shows it."""
    done, failed = job["state"] == "succeeded", job["state"] == "failed"
    error = {"code": "bad", "message": state.blame, "param": None}
    return {
        **{key: job[key] for key in ("id", "created_at")},
        **{key: job["body"][key] for key in ("model", "training_file", "seed", "metadata")},
        "object": "fine_tuning.job",
        "status": job["state"],
        "error": error if failed else None,
        "fine_tuned_model": f"ft:{job['id']}" if done else None,
        "finished_at": job["created_at"] + 60 if done else None,
        "trained_tokens": 5000 if done else None,
        "hyperparameters": {},
        "organization_id": "org",
        "result_files": [],
        "validation_file": None,
    }


def checkpoints(state: Service, name: str) -> Fields:
    """Return a job's checkpoints."""
    entries = [
        {
            "id": f"checkpoint-{step}",
            "object": "fine_tuning.job.checkpoint",
            "created_at": 1,
            "fine_tuned_model_checkpoint": f"ft:{name}:step-{step}",
            "fine_tuning_job_id": name,
            "metrics": {"step": step, "full_valid_loss": loss},
            "step_number": step,
        }
        for step, loss in enumerate(state.losses)
    ]
    return turned(entries, {}, 100)


def begun_batch(state: Service, body: Fields) -> Fields:
    """Begin a batch."""
    found(state.files, body["input_file_id"])
    life = ["in_progress", "completed"] if "succeeded" in state.life else list(state.life)
    batch = new(state, "batch", life=life, state="validating", body=body, output=None, errors=None)
    state.batches.append(batch)
    return batch


def advanced_batch(state: Service, batch: Fields) -> Fields:
    """Return a batch one step further; at its end it has answered."""
    now = state.advanced(batch)["state"]
    if now == "vanished":
        state.batches.remove(batch)
        raise Refused(404, "there is no such batch")
    if now in ("completed", "expired") and batch["output"] is None:
        lines = found(state.files, batch["body"]["input_file_id"])["content"].splitlines()
        results = [
            outcome(state, json.loads(line), place < state.answered_of_a_batch)
            for place, line in enumerate(lines)
        ]
        for kind, wanted in (("output", True), ("errors", False)):
            content = b"".join(
                json.dumps(r).encode() + b"\n" for r, good in results if good == wanted
            )
            kept = new(state, "file", filename=kind, purpose="batch_output", bytes=len(content))
            state.files.append(kept | {"content": content})
            batch[kind] = kept["id"]
    return batch


def outcome(state: Service, line: Fields, in_time: bool) -> tuple[Fields, bool]:
    """Return what becomes of a request, and whether it is good."""
    result: Fields = {"id": "r", "custom_id": line["custom_id"], "response": None, "error": None}
    if not in_time:
        return result | {"error": {"code": "batch_expired", "message": "too late"}}, False
    try:
        body: Fields = chat(state, line["body"])
        return result | {"response": {"status_code": 200, "body": body}}, True
    except Refused as refused:
        error = {"error": {"message": refused.message, "code": refused.kind}}
        return result | {"response": {"status_code": refused.code, "body": error}}, False


def shown_batch(batch: Fields) -> Fields:
    """Return a batch as the service shows it."""
    errors = {"object": "list", "data": [{"code": "limit", "message": "too many tokens"}]}
    return {
        "id": batch["id"],
        "object": "batch",
        "created_at": batch["created_at"],
        **{key: batch["body"][key] for key in ("completion_window", "endpoint", "input_file_id")},
        "metadata": batch["body"]["metadata"],
        "status": batch["state"],
        "errors": errors if batch["state"] == "failed" else None,
        "output_file_id": batch["output"],
        "error_file_id": batch["errors"],
        "request_counts": {"total": 10, "completed": 5, "failed": 0},
        "completed_at": batch["created_at"] + 100 if batch["state"] == "completed" else None,
    }
