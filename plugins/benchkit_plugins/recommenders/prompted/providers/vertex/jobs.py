"""Fine-tuning at Vertex AI: files in Cloud Storage, tuning jobs."""

from __future__ import annotations

from typing import Any, Literal

from benchkit import UnavailableError
from benchkit.contracts.prompted import Pairs
from benchkit_plugins.language_models.calls import scrubbed
from benchkit_plugins.language_models.vertex import token
from benchkit_plugins.recommenders.prompted.providers.contract import FineTune, Status, Trained
from benchkit_plugins.recommenders.prompted.providers.hosted.files import (
    Limits,
    answered,
    training_files,
)
from benchkit_plugins.recommenders.prompted.providers.hosted.jobs import LABEL, Job, Jobs
from benchkit_plugins.recommenders.prompted.providers.vertex.service import VertexService, contents

# https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning
LIMITS = Limits("vertex", 131_072, 1_000_000_000, 1, 1_000_000, 5_000)
_ENDS: dict[str, Literal["succeeded", "failed", "cancelled"]] = {
    "JOB_STATE_SUCCEEDED": "succeeded",
    "JOB_STATE_FAILED": "failed",
    "JOB_STATE_EXPIRED": "failed",
    "JOB_STATE_CANCELLED": "cancelled",
}


class VertexJobs(Jobs):
    """Vertex AI's tuning jobs; the last checkpoint is taken, since none says its loss."""

    service: VertexService

    @property
    def how(self) -> dict[str, Any]:
        """Options of every call: retries are ours."""
        return {"retry": None, "timeout": self.service.config.timeout}

    def files(self, pairs: Pairs) -> dict[str, str]:
        return training_files(pairs, LIMITS, lambda pair: contents(answered(pair)))

    @property
    def client(self) -> Any:
        return self.service.client("GenAiTuningServiceClient")

    def find(self, fine_tune: FineTune) -> Job | None:
        listed = self.client.list_tuning_jobs(parent=self.service.parent, **self.how)
        matching = [self._job(job) for job in listed if job.labels.get(LABEL) == fine_tune.key]
        ended_badly = ("failed", "cancelled")
        return min(matching, key=lambda job: job.status.state in ended_badly, default=None)

    def begin(self, fine_tune: FineTune) -> Job:
        uris = {
            part: self._uploaded(f"benchkit/{fine_tune.key}/{part}.jsonl", content)
            for part, content in self.files(fine_tune.pairs).items()
            if content
        }
        config = self.service.config
        tuning = {"epoch_count": config.epochs, "learning_rate_multiplier": config.learning_rate}
        job = {
            "base_model": self.service.model,
            "tuned_model_display_name": f"{LABEL}-{fine_tune.key}",
            "labels": {LABEL: fine_tune.key},
            "supervised_tuning_spec": {
                "training_dataset_uri": uris["train"],
                "validation_dataset_uri": uris.get("validation", ""),
                "hyper_parameters": {k: v for k, v in tuning.items() if v is not None},
                # each would be deployed
                "export_last_checkpoint_only": True,
            },
        }
        parent = self.service.parent
        return self._job(self.client.create_tuning_job(parent=parent, tuning_job=job, **self.how))

    def look(self, name: str) -> Job | None:
        from google.api_core.exceptions import NotFound

        try:
            return self._job(self.client.get_tuning_job(name=name, **self.how))
        except NotFound:
            return None

    def _uploaded(self, name: str, content: str) -> str:
        """Return the address of a file of this name and size, uploaded unless it is there."""
        bucket = (self.service.config.bucket or "").removeprefix("gs://").rstrip("/")
        if not bucket:
            raise UnavailableError(
                "vertex reads what it fine-tunes on from Cloud Storage: say where by "
                "--set RECOMMENDER.bucket=BUCKET"
            )
        place = self.service.client("storage").bucket(bucket)
        present = place.get_blob(name, **self.how)
        if present is None or present.size != len(content):  # it is all ASCII
            place.blob(name).upload_from_string(content, "application/jsonl", **self.how)
        return f"gs://{bucket}/{name}"

    def _job(self, job: Any) -> Job:
        state = job.state.name
        end = _ENDS.get(state)
        detail = state.removeprefix("JOB_STATE_").lower()
        if end in ("failed", "cancelled"):
            words = scrubbed(job.error.message, token(self.client))
            return Job(job.name, Status(end, words or detail))
        if end is None:
            return Job(job.name, Status("running", detail))
        stats = job.tuning_data_stats.supervised_tuning_data_stats
        epochs = job.supervised_tuning_spec.hyper_parameters.epoch_count
        tokens = stats.total_billable_token_count * max(1, epochs)
        dollars = self.service.rates(False).of_training(tokens)
        seconds = (job.end_time - job.create_time).total_seconds() if job.end_time else 0.0
        trained = Trained(job.tuned_model.endpoint, tokens, dollars, seconds)
        return Job(job.name, Status("succeeded", detail, trained))
