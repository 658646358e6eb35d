"""Whole jobs on the machines of a Dask cluster: a search, or an evaluation, each in one place.

Dask says where a job runs, and that it runs again where a machine dies. What a job does is what
happens on one machine: `job`. It happens in a process of its own (`child`), which a thread of a
Dask worker looks after (`machine`); the run talks to Dask alone (`placing`).
"""
