#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains a small network on noise, with batches that grow until the GPU has no more memory; then goes on with half of that."""
import argparse
import sys


def train_step(torch, model, optimizer, batch):
    data = torch.randn(batch, 4096, device="cuda")
    loss = (model(data) - data).pow(2).mean()
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50, help="how many, after the batch has been found")
    parser.add_argument("--batch", type=int, default=1024, help="the first")
    options = parser.parse_args()
    try:
        import torch
    except ImportError:
        sys.exit("train.py: PyTorch is not installed: pip install torch")
    if not torch.cuda.is_available():
        sys.exit("train.py: PyTorch sees no GPU")

    free, total = torch.cuda.mem_get_info()
    print(f"sees {total / 2**30:.1f} GiB, {free / 2**30:.1f} GiB free", flush=True)
    model = torch.nn.Sequential(torch.nn.Linear(4096, 16384), torch.nn.ReLU(), torch.nn.Linear(16384, 4096)).cuda()
    optimizer = torch.optim.Adam(model.parameters())
    batch = options.batch
    while True:
        try:
            train_step(torch, model, optimizer, batch)
            batch *= 2
        except torch.cuda.OutOfMemoryError as refusal:
            print(f"a batch of {batch} does not fit: {str(refusal).splitlines()[0]}", flush=True)
            break
    optimizer.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    batch //= 2
    for step in range(options.steps):
        loss = train_step(torch, model, optimizer, batch)
        if step % 10 == 0:
            print(f"step {step}: batch {batch}, loss {loss:.4f}", flush=True)
    print(f"done; at most {torch.cuda.max_memory_reserved() / 2**30:.2f} GiB were reserved")


if __name__ == "__main__":
    main()
