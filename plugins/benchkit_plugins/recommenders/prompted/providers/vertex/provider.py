"""Google's Vertex AI as a provider: Gemini, as it is or tuned."""

from __future__ import annotations

from benchkit_plugins.recommenders.prompted.providers.hosted.provider import Hosted
from benchkit_plugins.recommenders.prompted.providers.vertex.jobs import VertexJobs
from benchkit_plugins.recommenders.prompted.providers.vertex.service import VertexService


class Vertex(Hosted):
    """Gemini's fine-tuning and completions on Vertex AI."""

    name = VertexService.name
    validation = 250
    service_class = VertexService
    jobs_class = VertexJobs
