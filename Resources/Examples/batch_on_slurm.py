"""Run a batch on a SLURM cluster: workers come and go as jobs; what was done stays done.

pip install 'RegQC[batch]' dask-jobqueue
python batch_on_slurm.py MANIFEST OUT

Start it on a node from which jobs can be submitted, in a terminal that stays (tmux) or as a job of
its own. Manifest, images and OUT lie on a file system that all nodes share. Stopped or out of time,
the same command goes on. Each job below holds four workers of one core: more of them are quicker
than more threads in each. For GPUs ask for one a job (job_extra_directives=["--gres=gpu:1"]), with
few processes, as they share its memory.
"""

import sys

from dask_jobqueue.slurm import SLURMCluster

import RegQCLib.batch

WORKERS = 40


def main(manifest, out):
    """Submit jobs, run the pairs, print a line for each."""
    cluster = SLURMCluster(
        cores=4,
        processes=4,
        memory="16GB",
        walltime="04:00:00",
        queue="normal",  # as `sinfo` names it
        worker_extra_args=["--lifetime", "3h50m", "--lifetime-stagger", "5m"],
    )
    cluster.adapt(minimum=0, maximum=WORKERS)
    with cluster:
        rows = RegQCLib.batch.run(manifest, out, scheduler=cluster.scheduler_address)
        for number, row in enumerate(rows, start=1):
            print(number, row["id"], row["status"], row["verdict"] or row["reason"])


if __name__ == "__main__":
    main(*sys.argv[1:])
