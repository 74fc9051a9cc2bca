#!/bin/bash
# One product's fit and its pairs on two machines of eight GPUs each; sbatch docs/scale/slurm.sh
#SBATCH --job-name=flawsmith
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=8
#SBATCH --cpus-per-task=32
#SBATCH --time=02:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
set -euo pipefail
data=/shared/products/bottle out=/shared/bottle
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
launch="accelerate launch --multi_gpu --num_machines $SLURM_NNODES --num_processes $((8 * SLURM_NNODES))
  --main_process_ip $head --main_process_port 29500 --rdzv_backend static --mixed_precision no --dynamo_backend no"

# SLURM_NODEID is known on each machine alone; a job that was requeued goes on
fit="flawsmith fit $data -o $out/run --set training.batch=64"
[ -f "$out/run/config.yaml" ] && fit="$fit --resume"
generate="flawsmith generate $out/run -o $out/pairs --count 3000"
[ -f "$out/pairs/pairs.jsonl" ] && generate="$generate --resume"
srun bash -c "$(echo $launch) --machine_rank \$SLURM_NODEID -m $fit"
srun bash -c "$(echo $launch) --machine_rank \$SLURM_NODEID -m $generate"
