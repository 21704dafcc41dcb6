"""Make the Cellpose-layout fixture: run with a Python that has ``cellpose==3.1.1.2``.

A small network of Cellpose's own class, with random weights and batch
statistics, is saved the way Cellpose saves models, together with one input and
what that network answers in eval mode.

    python tests/golden/make_cpnet.py tests/golden/cpnet
"""

import sys
from pathlib import Path

import numpy as np
import torch
from cellpose.resnet_torch import CPnet

WIDTHS = [2, 4, 8, 12, 16]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    net = CPnet(WIDTHS, nout=3, sz=3, mkldnn=False, max_pool=True, diam_mean=30.0)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.5, 0.5)
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    net.eval()
    image = torch.rand(2, 2, 48, 64)
    with torch.no_grad():
        output, style, *_ = net(image)
    net.save_model(str(folder / "cellpose_layout"))
    np.savez_compressed(
        folder / "answers.npz",
        image=image.numpy(),
        output=output.numpy(),
        style=style.numpy(),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
