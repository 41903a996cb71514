"""One epoch of the jet tagger (16-64-32-32-5, Adam, 50,000 jets) by trigline and by its peers on the same processors in the same
run; JSON on stdout.

    tools/peer-python bench/train/bench.py [--build build/release] [--cores 1 2] [--batch 1024] [--epochs 12]

trigline trains with every quantiser in place (fake-quantised weights, biases, activations, straight-through gradients) and takes the
training loss and accuracy along. The peers train the plain float32 network, their easiest case, without metrics:
- Keras 3 `fit` on NumPy arrays with its JAX and TensorFlow back ends, compiled (jit_compile=True);
- JAX by hand: the whole epoch, its shuffle included, in one compiled lax.scan.
PyTorch is measured when it is installed. Compilation and the first epochs are left out; each side runs three times, in turn;
medians are quoted. Each side gets the same
cores by CPU affinity. On a busy machine wall times wander; processor seconds of the whole process stand beside them."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

N_JET, N_FEATURE, N_CLASS, WARM, ROUNDS = 50_050, 16, 5, 3, 3
PEERS = ("keras-jax", "keras-tensorflow", "jax", "torch")
HIDDEN = (64, 32, 32)


def samples():
    import numpy as np
    rng = np.random.default_rng(1)
    label = rng.integers(0, N_CLASS, N_JET).astype(np.int32)
    centres = rng.uniform(-1, 1, (N_CLASS, N_FEATURE))
    x = (centres[label] + rng.normal(size=(N_JET, N_FEATURE))).astype(np.float32)
    return x, label


def clocks():
    return time.perf_counter(), time.process_time()


def since(begin):
    return tuple(now - then for now, then in zip(clocks(), begin))


def keras_epochs(backend, epochs, batch):
    os.environ["KERAS_BACKEND"] = backend
    import keras
    x, label = samples()
    x, label = x[:50_000], label[:50_000]
    layers = [keras.layers.Dense(n, activation="relu") for n in HIDDEN] + [keras.layers.Dense(N_CLASS)]
    model = keras.Sequential([keras.Input((N_FEATURE,))] + layers)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=True)
    times = []

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.begin = clocks()

        def on_epoch_end(self, epoch, logs=None):
            times.append(since(self.begin))

    model.fit(x, label, batch_size=batch, epochs=epochs + WARM, verbose=0, callbacks=[Clock()])
    return times[WARM:], f"keras {keras.__version__}, {backend}"


def jax_epochs(epochs, batch):
    import jax
    import jax.numpy as jnp
    x, label = samples()
    x, label = jnp.asarray(x[:50_000]), jnp.asarray(label[:50_000])
    sizes = (N_FEATURE,) + HIDDEN + (N_CLASS,)
    keys = jax.random.split(jax.random.PRNGKey(0), len(sizes))
    params = [(jax.random.normal(k, (a, b)) * (2 / a) ** 0.5, jnp.zeros(b)) for k, a, b in zip(keys, sizes, sizes[1:])]

    def loss(p, xb, yb):
        for w, b in p[:-1]:
            xb = jax.nn.relu(xb @ w + b)
        logits = xb @ p[-1][0] + p[-1][1]
        return -jnp.take_along_axis(jax.nn.log_softmax(logits), yb[:, None], 1).mean()

    def step(state, rows):
        p, m, v, t = state
        g = jax.grad(loss)(p, x[rows], label[rows])
        t = t + 1
        m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
        v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
        c1, c2 = 1 / (1 - 0.9**t), 1 / (1 - 0.999**t)
        p = jax.tree.map(lambda w, a, b: w - 1e-3 * a * c1 / (jnp.sqrt(b * c2) + 1e-7), p, m, v)
        return (p, m, v, t), None

    @jax.jit
    def epoch(state, key):
        order = jax.random.permutation(key, len(x))[: len(x) // batch * batch].reshape(-1, batch)
        return jax.lax.scan(step, state, order)[0]

    zeros = jax.tree.map(jnp.zeros_like, params)
    state, times = (params, zeros, zeros, 0.0), []
    for e in range(epochs + WARM):
        begin = clocks()
        state = jax.block_until_ready(epoch(state, jax.random.PRNGKey(e)))
        times.append(since(begin))
    return times[WARM:], f"jax {jax.__version__}, one compiled scan per epoch"


def torch_epochs(epochs, batch, cores):
    import torch
    torch.set_num_threads(cores)
    x, label = (torch.from_numpy(a[:50_000]) for a in samples())
    label = label.long()
    sizes, layers = (N_FEATURE,) + HIDDEN, []
    for a, b in zip(sizes, sizes[1:]):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers, torch.nn.Linear(HIDDEN[-1], N_CLASS))
    optimiser, times = torch.optim.Adam(model.parameters(), 1e-3, fused=True), []
    for _ in range(epochs + WARM):
        begin = clocks()
        for rows in torch.randperm(len(x)).split(batch):
            optimiser.zero_grad()
            torch.nn.functional.cross_entropy(model(x[rows]), label[rows]).backward()
            optimiser.step()
        times.append(since(begin))
    return times[WARM:], f"torch {torch.__version__}"


def peer(name, epochs, batch, cores):
    if name == "keras-jax":
        return keras_epochs("jax", epochs, batch)
    if name == "keras-tensorflow":
        return keras_epochs("tensorflow", epochs, batch)
    return jax_epochs(epochs, batch) if name == "jax" else torch_epochs(epochs, batch, cores)


def on_cores(command, cores):
    allowed = sorted(os.sched_getaffinity(0))[:cores]
    environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", OMP_NUM_THREADS=str(cores), TF_NUM_INTRAOP_THREADS=str(cores))
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          preexec_fn=lambda: os.sched_setaffinity(0, allowed))
    return json.loads(done.stdout.strip().splitlines()[-1]) if done.returncode == 0 else None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        times, what = peer(options.peer, options.epochs, options.batch, options.cores[0])
        print(json.dumps({"epochs": [t[0] for t in times], "cpu": [t[1] for t in times], "what": what}))
        return
    import numpy as np
    result = {"network": "16-64-32-32-5", "jets": 50_000, "batch": options.batch, "unit": "per epoch, median: seconds of wall time; processor seconds of all threads",
              "cores": {}}
    with tempfile.TemporaryDirectory() as directory:
        data = os.path.join(directory, "jets.npz")
        x, label = samples()
        np.savez(data, label=label, **{f"f{j:02d}": x[:, j] for j in range(N_FEATURE)})
        for cores in options.cores:
            program = os.path.join(options.build, "bench", "train", "bench_train")
            seconds, processor, what = {}, {}, {"trigline": "every quantiser in place"}

            def take(name, done, key_of_first):
                if done is not None:
                    seconds.setdefault(name, []).extend(done["epochs"][key_of_first:])
                    processor.setdefault(name, []).extend(done["cpu"][key_of_first:])
                    what.setdefault(name, done.get("what", "") + ", plain float32")

            for _ in range(ROUNDS):  # in turn: whatever else the machine does meets everybody
                take("trigline", on_cores([program, data, str(options.epochs + WARM), str(options.batch), str(cores)], cores), WARM - 1)
                for name in PEERS:
                    take(name, on_cores([sys.executable, os.path.abspath(__file__), "--peer", name, "--epochs", str(options.epochs),
                                         "--batch", str(options.batch), "--cores", str(cores)], cores), 0)
            wall, cpu = {n: statistics.median(v) for n, v in seconds.items()}, {n: statistics.median(v) for n, v in processor.items()}
            row = {"trigline": {"what": what["trigline"], "seconds": wall["trigline"], "processor_seconds": cpu["trigline"]}, "peers": {}}
            for name in PEERS:
                row["peers"][name] = "not measured (not installed, or it failed)" if name not in wall else {
                    "what": what[name], "seconds": wall[name], "processor_seconds": cpu[name],
                    "ratio": wall[name] / wall["trigline"], "processor_ratio": cpu[name] / cpu["trigline"]}
            result["cores"][str(cores)] = row
    print(json.dumps(result, indent=2))


main()
