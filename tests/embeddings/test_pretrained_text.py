import shutil
import socket
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from camenn.embeddings import pretrained
from camenn.embeddings.text import text_encoder
from camenn.errors import EncoderError

LONG = "red apple " * 60


def test_vectors_are_the_last_states_of_the_real_tokens(tiny_bert: Path) -> None:
    from transformers import BertModel

    texts = ["red apple", "green pears . red apples", "pear"]
    got = text_encoder(str(tiny_bert)).encode(texts)
    model = BertModel.from_pretrained(tiny_bert).eval()
    vocabulary = (tiny_bert / "vocab.txt").read_text().splitlines()
    split = [["red", "apple"], ["green", "pear", "##s", ".", "red", "apple", "##s"], ["pear"]]
    for vectors, words in zip(got, split, strict=True):
        ids = [vocabulary.index(word) for word in ["[CLS]", *words, "[SEP]"]]
        with torch.inference_mode():
            states = model(torch.tensor([ids])).last_hidden_state[0, 1:-1]
        assert vectors == pytest.approx(states.numpy(), abs=1e-5)


def test_at_most_fifty_tokens_and_none_for_an_empty_text(tiny_bert: Path) -> None:
    got = text_encoder(str(tiny_bert)).encode([LONG, "", " \n", "unknown words stay", LONG * 200])
    assert [vectors.shape for vectors in got] == [(50, 16), (0, 16), (0, 16), (3, 16), (50, 16)]


def test_neither_order_nor_company_changes_a_text(tiny_bert: Path) -> None:
    encoder = text_encoder(str(tiny_bert))
    texts = [f"{'red ' * (n % 7)}apple{'s' * (n % 2)}" for n in range(100)]
    together = encoder.encode(texts)
    for n in (0, 3, 50, 99):
        assert together[n] == pytest.approx(encoder.encode([texts[n]])[0], abs=1e-5)


def test_a_model_of_few_positions_reads_as_far_as_it_can(tiny_bert: Path, tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    shutil.copytree(tiny_bert, tmp_path / "short")
    config = BertConfig.from_pretrained(tiny_bert)
    config.max_position_embeddings = 12
    BertModel(config).save_pretrained(tmp_path / "short")
    assert text_encoder(str(tmp_path / "short")).encode([LONG])[0].shape == (10, 16)


def test_half_precision_weights_are_run_in_single(tiny_bert: Path, tmp_path: Path) -> None:
    from transformers import BertModel

    shutil.copytree(tiny_bert, tmp_path / "half")
    BertModel.from_pretrained(tiny_bert).half().save_pretrained(tmp_path / "half")
    got = text_encoder(str(tmp_path / "half")).encode(["red apple"])[0]
    assert got.dtype == np.float32
    assert not (got == got.astype(np.float16)).all()


def test_the_digest_names_the_content_and_not_the_folder(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "elsewhere")
    first, second = text_encoder(str(tiny_bert)), text_encoder(str(tmp_path / "elsewhere"))
    assert first.digest == second.digest
    weights = tmp_path / "elsewhere" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert text_encoder(str(tmp_path / "elsewhere")).digest != first.digest


def test_loading_prints_nothing(tiny_bert: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text_encoder(str(tiny_bert))
    assert capfd.readouterr() == ("", "")


class TestNotThere:
    def test_a_name_that_cannot_be_fetched_says_how_to_fetch_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub

        def offline(*_: object, **__: object) -> str:
            raise OSError("no network")

        monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", offline)
        with pytest.raises(EncoderError, match="hf download bert-base-chinese"):
            text_encoder("bert-base-chinese")

    def test_a_hub_that_does_not_answer_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
    ) -> None:
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setattr(pretrained, "_REACH_S", 0.2)
        caplog.set_level("INFO")
        began = time.monotonic()
        with socket.create_server(("127.0.0.1", 0)) as silent:
            monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
            with pytest.raises(EncoderError, match=r"timed out.*hf download some/name"):
                text_encoder("some/name")
        assert time.monotonic() - began < 30
        assert "fetching some/name from Hugging Face" in caplog.messages

    def test_a_name_asks_for_no_pickles(self, monkeypatch: pytest.MonkeyPatch, tiny_bert: Path) -> None:
        import huggingface_hub

        asked: dict[str, object] = {}

        def fetched(name: str, **options: object) -> str:
            asked.update(options, name=name)
            return str(tiny_bert)

        monkeypatch.setattr(huggingface_hub, "snapshot_download", fetched)
        monkeypatch.setattr(huggingface_hub.HfApi, "model_info", lambda *_, **__: None)
        encoder = text_encoder("some/name")
        assert (encoder.spec, asked["name"]) == ("some/name", "some/name")
        assert not any("bin" in pattern for pattern in asked["allow_patterns"])

    def test_a_cached_name_needs_no_network(
        self, monkeypatch: pytest.MonkeyPatch, tiny_bert: Path, tmp_path: Path
    ) -> None:
        import huggingface_hub.constants

        cached = tmp_path / "models--some--name"
        shutil.copytree(tiny_bert, cached / "snapshots" / "c0ffee")
        (cached / "refs").mkdir()
        (cached / "refs" / "main").write_text("c0ffee")
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
        assert text_encoder("some/name").digest == text_encoder(str(tiny_bert)).digest

    @pytest.mark.parametrize("spec", ["./no/such/folder", "/no/such/folder", "a/b/c"])
    def test_a_folder_that_is_not_there_is_named(self, spec: str) -> None:
        with pytest.raises(EncoderError, match=r"no folder .*[rc]"):
            text_encoder(spec)

    def test_a_folder_without_a_model_says_what_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match=r"config\.json"):
            text_encoder(str(tmp_path))

    def test_pickled_weights_are_never_read(self, tiny_bert: Path, tmp_path: Path) -> None:
        folder = tmp_path / "pickled"
        shutil.copytree(tiny_bert, folder)
        (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
        with pytest.raises(EncoderError, match=r"safetensors.*save_pretrained"):
            text_encoder(str(folder))

    def test_code_of_the_model_folder_is_never_run(self, tiny_bert: Path, tmp_path: Path) -> None:
        folder = tmp_path / "code"
        shutil.copytree(tiny_bert, folder)
        (folder / "config.json").write_text(
            '{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}'
        )
        (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
        with pytest.raises(EncoderError):
            text_encoder(str(folder))
        assert not (tmp_path / "ran").exists()

    def test_damaged_weights_are_said(self, tiny_bert: Path, tmp_path: Path) -> None:
        folder = tmp_path / "damaged"
        shutil.copytree(tiny_bert, folder)
        (folder / "model.safetensors").write_bytes(b"not safetensors")
        with pytest.raises(EncoderError, match="model cannot be loaded"):
            text_encoder(str(folder))

    def test_missing_weights_are_said(self, tiny_bert: Path, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        folder = tmp_path / "partial"
        shutil.copytree(tiny_bert, folder)
        weights = load_file(folder / "model.safetensors")
        weights.pop("encoder.layer.1.output.dense.weight")
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(EncoderError, match=r"weights are missing.*layer\.1"):
            text_encoder(str(folder))

    def test_a_device_that_is_not_there_is_said(self, tiny_bert: Path) -> None:
        with pytest.raises(EncoderError, match="no device"):
            text_encoder(str(tiny_bert), device="abacus")


def test_a_real_model_knows_that_berries_are_berries(shared: Path) -> None:
    encoder = text_encoder(str(shared / "weights" / "all_minilm_l6_v2_fp16"))
    assert encoder.width == 384
    texts = ["fresh strawberries", "ripe red berries", "washing powder"]
    pooled = np.stack([vectors.mean(0) for vectors in encoder.encode(texts)])
    pooled /= np.linalg.norm(pooled, axis=1, keepdims=True)
    likeness = pooled @ pooled.T
    assert likeness[0, 1] > likeness[0, 2] + 0.2
