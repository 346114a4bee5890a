"use strict";
// ssh2 by the door: each entry of tests is one.
const { Client } = require("ssh2");
const { createHash, randomBytes } = require("node:crypto");
const fs = require("node:fs");
const net = require("node:net");
const os = require("node:os");
const path = require("node:path");
const assert = require("node:assert");
const { promisify } = require("node:util");

const data = randomBytes(3000017);
const digest = (b) => createHash("sha256").update(b).digest("hex");

function connect() {
  const key = process.env.SSH_KEY;
  return new Promise((resolve, reject) => {
    const c = new Client();
    c.on("ready", () => resolve(c)).on("error", reject);
    c.connect({ host: process.env.SSH_HOST, port: Number(process.env.SSH_PORT), username: process.env.SSH_USER, readyTimeout: 60000,
      authHandler: key ? ["publickey"] : ["none"], privateKey: key ? fs.readFileSync(key) : undefined });
  });
}

const collect = (stream) => new Promise((resolve, reject) => {
  const parts = [];
  stream.on("data", (b) => parts.push(b)).on("error", reject).on("close", () => resolve(Buffer.concat(parts)));
});

async function command(c, line, input) {
  const stream = await promisify(c.exec.bind(c))(line);
  const ended = new Promise((resolve) => stream.on("exit", (code, signal) => resolve({ code, signal })));
  const notes = [];
  stream.stderr.on("data", (b) => notes.push(b));
  const out = collect(stream);
  stream.end(input);
  return { out: await out, notes: Buffer.concat(notes).toString(), ...(await ended) };
}

const tests = {
  async command(c) {
    const r = await command(c, "cat; echo notes >&2; exit 42", "what was piped");
    assert.deepEqual([r.out.toString(), r.notes, r.code], ["what was piped", "notes\n", 42]);
  },
  async killed(c) {
    const r = await command(c, "kill -TERM $$");
    assert.equal(r.signal, "SIGTERM");
  },
  async "both directions"(c) {
    assert.equal(digest((await command(c, "cat", data)).out), digest(data));
  },
  async "many commands in one connection"(c) {
    const done = await Promise.all([...Array(8).keys()].map((i) => command(c, `sleep 0.2; echo ${i}`)));
    assert.deepEqual(done.map((r) => Number(r.out)), [...Array(8).keys()]);
  },
  async shell(c) {
    const stream = await promisify(c.shell.bind(c))({ cols: 90, rows: 30 });
    const seen = collect(stream);
    stream.write("PS1=; stty -echo; stty size; echo the-$((40+2)); exit\n");
    assert.match((await seen).toString(), /30 90[^]*the-42/);
  },
  async sftp(c, there) {
    const sftp = await promisify(c.sftp.bind(c))();
    const call = (name, ...args) => promisify(sftp[name].bind(sftp))(...args);
    const local = path.join(there, "local"), one = path.join(there, "one");
    fs.writeFileSync(local, data);
    await call("fastPut", local, one);
    assert.equal(digest(fs.readFileSync(one)), digest(data));
    await call("fastGet", one, local + ".back");
    assert.equal(digest(fs.readFileSync(local + ".back")), digest(data));
    assert.equal(digest(await call("readFile", one)), digest(data));
    await call("appendFile", one, "more");
    assert.equal((await call("stat", one)).size, data.length + 4);
    await call("mkdir", path.join(there, "d"));
    await call("rename", one, path.join(there, "d", "two"));
    assert.deepEqual((await call("readdir", path.join(there, "d"))).map((e) => e.filename), ["two"]);
    await call("unlink", path.join(there, "d", "two"));
    await call("rmdir", path.join(there, "d"));
    await assert.rejects(call("stat", one));
  },
  async "local forward"(c) {
    const server = net.createServer((s) => s.pipe(s)).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.on("listening", resolve));
    const stream = await promisify(c.forwardOut.bind(c))("127.0.0.1", 1, "127.0.0.1", server.address().port);
    const got = collect(stream);
    stream.end(data.subarray(0, 100000));
    assert.equal(digest(await got), digest(data.subarray(0, 100000)));
    server.close();
  },
  async "remote forward"(c) {
    const port = await promisify(c.forwardIn.bind(c))("127.0.0.1", 0);
    c.on("tcp connection", (_, accept) => { const s = accept(); s.pipe(s); });
    const socket = net.connect(port, "127.0.0.1");
    const got = collect(socket);
    socket.end("by the port");
    assert.equal((await got).toString(), "by the port");
    await promisify(c.unforwardIn.bind(c))("127.0.0.1", port);
  },
};

(async () => {
  for (const [name, test] of Object.entries(tests)) {
    console.log("has " + name);
    const there = fs.mkdtempSync(path.join(os.tmpdir(), "ssh2-"));
    let c;
    try {
      c = await connect();
      await Promise.race([test(c, there), new Promise((_, no) => setTimeout(() => no(new Error("it takes too long")), 120000).unref())]);
      console.log("ok " + name);
    } catch (e) {
      console.log("not ok " + name + "\n" + e.stack);
    }
    c?.end();
    fs.rmSync(there, { recursive: true });
  }
  process.exit(0);
})();
