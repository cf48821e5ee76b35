#!/usr/bin/env python3
"""Makes tests/golden/huggingface/ and tests/golden/huggingface.h: small GPT-2s as Hugging Face's transformers saves them, and
what it computes with them. No test needs Python; this needs `pip install torch transformers safetensors`.

    tests/golden/huggingface.py make            generates the folders and the header
    tests/golden/huggingface.py check GPTAPE    the other direction: what gptape saves, transformers computes the same with

The header names the versions that made it.
"""
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel

HERE = os.path.dirname(os.path.abspath(__file__))
FOLDERS = os.path.join(HERE, "huggingface")
IDS = [[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]]
TARGETS = [[1, 4, 1, 5, 9, 2], [6, 5, 3, 5, 8, 9]]
SIZES = dict(vocab_size=19, n_positions=8, n_embd=8, n_layer=2, n_head=2, bos_token_id=None, eos_token_id=None)


def model(**changes):
    """A GPT-2 whose weights all differ from their initial values."""
    torch.manual_seed(7)
    made = GPT2LMHeadModel(GPT2Config(**{**SIZES, **changes}))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_(0, 0.4)
    return made.eval()


def save(made, name, **how):
    made.save_pretrained(os.path.join(FOLDERS, name), **how)
    generation = os.path.join(FOLDERS, name, "generation_config.json")
    if os.path.exists(generation):
        os.remove(generation)


def make_folders():
    shutil.rmtree(FOLDERS, ignore_errors=True)
    save(model(), "f32")
    save(model().half(), "f16")
    save(model().bfloat16(), "bf16")
    save(model(tie_word_embeddings=False, n_inner=24, activation_function="relu"), "untied")
    save(model(), "sharded", max_shard_size="4KB")
    # As openai-community/gpt2 has them: no prefix, no head, and the attention masks.
    old = model()
    tensors = {name.removeprefix("transformer."): value.clone() for name, value in old.transformer.state_dict().items()}
    for layer in range(SIZES["n_layer"]):
        tensors[f"h.{layer}.attn.bias"] = torch.tril(torch.ones(8, 8, dtype=torch.uint8)).view(1, 1, 8, 8)
        tensors[f"h.{layer}.attn.masked_bias"] = torch.tensor(-1e4)
    old.config.save_pretrained(os.path.join(FOLDERS, "masks"))
    safetensors.torch.save_file(tensors, os.path.join(FOLDERS, "masks", "model.safetensors"), metadata={"format": "pt"})


def logits_and_gradients(folder):
    loaded = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).eval()
    logits = loaded(torch.tensor(IDS)).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), torch.tensor(TARGETS).flatten())
    loss.backward()
    norms = {name.removeprefix("transformer."): parameter.grad.double().norm().item() for name, parameter in loaded.named_parameters()}
    return logits.detach(), loss.item(), norms


def numbers(values):
    lines, line = [], "   "
    for value in values:
        text = f" {value:.9g},"
        if len(line) + len(text) > 124:
            lines.append(line)
            line = "   "
        line += text
    return "\n".join(lines + [line])


def make_header():
    out = [
        "// huggingface.h: what transformers computes with the models in huggingface/.",
        f"// Made by huggingface.py with transformers {transformers.__version__} and torch {torch.__version__.split('+')[0]}: float32 on a CPU,",
        "// logits (2, 6, 19) of model(ids), the mean cross-entropy, and the L2 norm of its gradient by each parameter.",
        "",
        "#ifndef GPTAPE_GOLDEN_HUGGINGFACE_H",
        "#define GPTAPE_GOLDEN_HUGGINGFACE_H",
        "",
        "enum { HUGGINGFACE_B = 2, HUGGINGFACE_T = 6, HUGGINGFACE_V = 19, HUGGINGFACE_LOGITS = 2 * 6 * 19 };",
        "",
        "static const int HUGGINGFACE_IDS[] = {" + ", ".join(str(i) for row in IDS for i in row) + "};",
        "static const int HUGGINGFACE_TARGETS[] = {" + ", ".join(str(i) for row in TARGETS for i in row) + "};",
        "",
        "typedef struct HuggingFaceGrad {",
        "    const char *name;",
        "    double l2;",
        "} HuggingFaceGrad;",
        "",
        "typedef struct HuggingFaceModel {",
        "    const char *folder;",
        "    double loss;",
        "    HuggingFaceGrad grads[32];                    // as many as there are parameters, then NULL",
        "    float logits[HUGGINGFACE_LOGITS];",
        "} HuggingFaceModel;",
        "",
        "static const HuggingFaceModel HUGGINGFACE_MODELS[] = {",
    ]
    names = sorted(os.listdir(FOLDERS))
    for name in names:
        logits, loss, norms = logits_and_gradients(os.path.join(FOLDERS, name))
        out.append(f'{{"{name}", {loss:.9g}, {{')
        out += [f'    {{"{key}", {value:.9g}}},' for key, value in norms.items()]
        out += ["}, {", numbers(logits.flatten().tolist()), "}},"]
    out += ["};", "", f"enum {{ HUGGINGFACE_MODEL_COUNT = {len(names)} }};", "", "#endif", ""]
    with open(os.path.join(HERE, "huggingface.h"), "w") as header:
        header.write("\n".join(out))


def check(folder, gptape):
    """What gptape eval says of a folder that gptape saved, against transformers."""
    loaded, info = GPT2LMHeadModel.from_pretrained(folder, output_loading_info=True)
    config = loaded.config
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(config.vocab_size, (2, config.n_positions), generator=generator)
    targets = torch.randint(config.vocab_size, (2, config.n_positions), generator=generator)
    with torch.no_grad():
        logits = loaded.eval()(ids).logits
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten()).item()
    rows = lambda matrix: ";".join(",".join(str(i) for i in row) for row in matrix.tolist())
    said = json.loads(subprocess.run([gptape, "eval", "--model", folder, "--ids", rows(ids), "--targets", rows(targets), "--json",
                                      "--quiet"], check=True, capture_output=True).stdout)
    ours = torch.tensor(said["last_logits"])
    worst = ((ours - logits[:, -1]).norm() / logits[:, -1].norm()).item()
    print(f"{folder}: loss {said['loss']:.9g} and {loss:.9g}, logits differ by {worst:.2g} of their size; missing "
          f"{sorted(info['missing_keys'])}, unexpected {sorted(info['unexpected_keys'])}, mismatched {info['mismatched_keys']}")
    assert math.isclose(said["loss"], loss, rel_tol=1e-5) and worst < 1e-5
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make_folders()
        make_header()
    elif len(sys.argv) >= 4 and sys.argv[1] == "check":
        for folder in sys.argv[3:]:
            check(folder, sys.argv[2])
    else:
        sys.exit(__doc__)
