"""A training with Lightning: REPOSITORY OUTPUT EPOCHS [DIE_IN_EPOCH]. Goes on from `net:last`, if that is there."""

from __future__ import annotations

import logging
import os
import signal
import sys
import warnings
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import AsyncCheckpointIO

from mreg import NotFound, Repository
from mreg.integrations.lightning import FILE, MregCheckpointIO

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Net(LightningModule):
    def __init__(self, die_in: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(4, 1)
        self.die_in = die_in

    def training_step(self, batch: Any, index: int) -> Any:
        if self.current_epoch == self.die_in and index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return self._loss(batch)

    def validation_step(self, batch: Any, index: int) -> None:
        self.log("val_loss", self._loss(batch))

    def configure_optimizers(self) -> Any:
        return torch.optim.Adam(self.parameters(), lr=0.1)

    def _loss(self, batch: Any) -> Any:
        x, y = batch
        return torch.nn.functional.mse_loss(self.layer(x), y)


def main(location: str, output: str, epochs: str, die_in: str = "-1", asynchronous: str = "") -> None:
    seed_everything(0, verbose=False)
    x = torch.randn(16, 4)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, x.sum(1, keepdim=True)), batch_size=4)
    saving: Any = MregCheckpointIO("net", best="min:val_loss", repository=location, strict=True)
    if asynchronous:
        saving = AsyncCheckpointIO(saving)
    kept = ModelCheckpoint(output, monitor="val_loss", save_top_k=1, save_last=True)
    model = Net(int(die_in))
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=int(epochs),
        plugins=[saving],
        callbacks=[kept],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    with Repository.open(location) as repository:
        try:
            start = os.fspath(repository.use("net:last") / FILE)
        except NotFound:
            start = None
        trainer.fit(model, loader, loader, ckpt_path=start)
        trainer.strategy.teardown()
        loaded = torch.load(repository.use("net:last") / FILE, weights_only=False)["state_dict"]
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, loaded[name]), name
    torch.save(model.state_dict(), os.path.join(output, "final.pt"))


main(*sys.argv[1:])
