'use strict'
// What people do with node-redis, whose package has no tests of its own, in both of Redis's protocols. It prints a line
// a test; every answer is compared with what it must be, so that the same lines come from a store and through a gateway.
const assert = require('node:assert/strict')
const { createClient, createClientPool, RESP_TYPES } = require('redis')
const { run } = require('./run.cjs')

const { DB_HOST: host, DB_PORT: port, DB_USER: username, DB_PASSWORD: password } = process.env

// settings are those of a client; one without a password does not log in, as behind the tunnel.
const settings = (protocol) => ({ RESP: protocol, socket: { host, port: Number(port), reconnectStrategy: false }, ...(password ? { username, password } : {}) })

async function opened(options) {
  const client = createClient(options)
  client.on('error', () => {}) // each command tells of its own
  return client.connect()
}

async function connected(options, use) {
  const client = await opened(options)
  try {
    await use(client, options)
  } finally {
    client.destroy()
  }
}

// until asks again and again; a test's limit ends it.
async function until(ask) {
  while (!(await ask())) {
    await new Promise(setImmediate)
  }
}

const collected = async (iterator) => {
  const all = []
  for await (const batch of iterator) {
    all.push(...batch)
  }
  return all
}

const sizes = [0, 1, 16384, 65536, 1 << 20, 20 << 20].map((size) => [`value of ${size} bytes there and back`, async (db) => {
  const value = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz')
  await db.set('value', value)
  assert.ok(value.equals(await db.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get('value')))
}])

const tests = [
  ...sizes,
  ['ping', async (db) => assert.equal(await db.ping(), 'PONG')],
  ['every byte in a key and a value', async (db) => {
    const bytes = Buffer.from([...Array(256).keys()])
    await db.set(bytes, bytes)
    assert.ok(bytes.equals(await db.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).get(bytes)))
  }],
  ['nothing there', async (db) => assert.equal(await db.get('nothing'), null)],
  ['hash', async (db) => {
    await db.hSet('hash', { a: '1', b: 'ü' })
    assert.deepEqual({ ...(await db.hGetAll('hash')) }, { a: '1', b: 'ü' })
  }],
  ['list', async (db) => {
    await db.rPush('list', ['a', 'b', 'c'])
    assert.deepEqual(await db.lRange('list', 0, -1), ['a', 'b', 'c'])
  }],
  ['set', async (db) => {
    await db.sAdd('set', ['a', 'b'])
    assert.deepEqual([...(await db.sMembers('set'))].sort(), ['a', 'b'])
  }],
  ['sorted set with scores', async (db) => {
    await db.zAdd('zset', [{ value: 'a', score: 1.5 }, { value: 'b', score: Infinity }])
    assert.deepEqual(await db.zRangeWithScores('zset', 0, -1), [{ value: 'a', score: 1.5 }, { value: 'b', score: Infinity }])
  }],
  ['stream', async (db) => {
    for (let i = 1; i <= 3; i++) {
      await db.xAdd('stream', `${i}-1`, { n: String(i) })
    }
    assert.deepEqual((await db.xRange('stream', '-', '+')).map((m) => [m.id, m.message.n]), [['1-1', '1'], ['2-1', '2'], ['3-1', '3']])
  }],
  ['stream of a group', async (db) => {
    await db.xGroupCreate('stream', 'group', '0', { MKSTREAM: true })
    await db.xAdd('stream', '1-1', { n: '1' })
    await db.sendCommand(['XREADGROUP', 'GROUP', 'group', 'me', 'STREAMS', 'stream', '>'])
    assert.equal(await db.xAck('stream', 'group', '1-1'), 1)
  }],
  ['geography', async (db) => {
    await db.geoAdd('geo', [{ longitude: 13.361389, latitude: 38.115556, member: 'a' }, { longitude: 15.087269, latitude: 37.502669, member: 'b' }])
    assert.equal(Math.round(await db.geoDist('geo', 'a', 'b')), 166274)
  }],
  ['wrong type', async (db) => {
    await db.set('text', 'x')
    await assert.rejects(db.lPush('text', 'y'), /^.*WRONGTYPE/)
    assert.equal(await db.get('text'), 'x')
  }],
  ['unknown command', (db) => assert.rejects(db.sendCommand(['NO.SUCH', 'x']), /unknown command/)],
  ['pipeline of 5000', async (db) => {
    const got = await Promise.all(Array.from({ length: 5000 }, () => db.incr('n')))
    assert.deepEqual(got, Array.from({ length: 5000 }, (_, i) => i + 1))
  }],
  ['pipeline with errors in it', async (db) => {
    await db.set('text', 'x')
    const got = await Promise.allSettled(Array.from({ length: 300 }, (_, i) => (i % 3 ? db.get('text') : db.incr('text'))))
    got.forEach((g, i) => assert.equal(g.status, i % 3 ? 'fulfilled' : 'rejected'))
  }],
  ['pipeline of large values', async (db) => {
    const value = 'v'.repeat(1 << 20)
    await Promise.all(Array.from({ length: 20 }, (_, i) => db.set(`large ${i}`, value)))
    const got = await Promise.all(Array.from({ length: 20 }, (_, i) => db.get(`large ${i}`)))
    assert.ok(got.every((g) => g === value))
  }],
  ['transaction', async (db) => assert.deepEqual(await db.multi().set('a', '1').incr('a').get('a').exec(), ['OK', 2, '2'])],
  ['transaction with an error', async (db) => {
    await db.set('text', 'x')
    await assert.rejects(db.multi().incr('text').get('text').exec(), (e) => e.replies.length === 2 && e.replies[1] === 'x')
  }],
  ['transaction that is watched', async (db, options) => {
    await db.watch('a')
    await connected(options, (other) => other.set('a', 'changed'))
    await assert.rejects(db.multi().set('a', 'lost').exec(), /watched/i)
    assert.equal(await db.get('a'), 'changed')
  }],
  ['transaction left', async (db) => {
    await db.sendCommand(['MULTI'])
    assert.equal(await db.sendCommand(['SET', 'a', 'x']), 'QUEUED')
    await db.sendCommand(['DISCARD'])
    assert.equal(await db.get('a'), null)
  }],
  ['blocking pop that waits', async (db, options) => {
    const popped = db.blPop('queue', 0)
    await connected(options, async (other) => {
      await until(async () => /cmd=blpop/.test(await other.sendCommand(['CLIENT', 'LIST'])))
      await other.rPush('queue', 'job')
    })
    assert.deepEqual({ ...(await popped) }, { key: 'queue', element: 'job' })
  }],
  ['blocking pop that gives up', async (db) => assert.equal(await db.blPop('queue', 0.1), null)],
  ['blocking move', async (db) => {
    await db.rPush('from', 'x')
    assert.equal(await db.blMove('from', 'to', 'LEFT', 'RIGHT', 1), 'x')
  }],
  ['blocking read of a stream', async (db, options) => {
    const read = db.xRead({ key: 'stream', id: '$' }, { BLOCK: 20_000 })
    await connected(options, async (other) => {
      await until(async () => /cmd=xread/.test(await other.sendCommand(['CLIENT', 'LIST'])))
      await other.xAdd('stream', '5-1', { n: '5' })
    })
    assert.match(JSON.stringify(await read), /5-1/)
  }],
  ['publish and subscribe', async (db, options) => {
    await connected(options, async (publisher) => {
      const got = []
      await db.subscribe('news', (message, channel) => got.push([channel, message]))
      await db.pSubscribe('n*', (message, channel) => got.push(['pattern', channel, message]))
      assert.equal(await publisher.publish('news', 'naïve 日本'), 2)
      await until(() => got.length === 2)
      assert.deepEqual(got.sort(), [['news', 'naïve 日本'], ['pattern', 'news', 'naïve 日本']])
      await db.unsubscribe('news')
      await db.pUnsubscribe('n*')
      assert.equal(await publisher.publish('news', 'unheard'), 0)
      assert.equal(String(await db.ping()), 'PONG')
    })
  }],
  ['10000 messages', async (db, options) => {
    await connected(options, async (publisher) => {
      let sum = 0
      let n = 0
      await db.subscribe('numbers', (message) => { sum += Number(message); n++ })
      await Promise.all(Array.from({ length: 10000 }, (_, i) => publisher.publish('numbers', String(i))))
      await until(() => n === 10000)
      assert.equal(sum, 49995000)
    })
  }],
  ['publish and subscribe in a shard', async (db, options) => {
    await connected(options, async (publisher) => {
      const got = []
      await db.sSubscribe('shard', (message) => got.push(message))
      assert.equal(await publisher.sPublish('shard', 'x'), 1)
      await until(() => got.length === 1)
      await db.sUnsubscribe('shard')
    })
  }],
  ['scan of all keys', async (db) => {
    await db.mSet(Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`key ${i}`, String(i)])))
    const keys = new Set(await collected(db.scanIterator({ COUNT: 100 })))
    assert.equal(keys.size, 3000)
  }],
  ['scan of keys by pattern', async (db) => {
    await db.mSet({ 'a:1': 'x', 'a:2': 'x', 'b:1': 'x' })
    assert.deepEqual((await collected(db.scanIterator({ MATCH: 'a:*' }))).sort(), ['a:1', 'a:2'])
  }],
  ['scan of a hash, a set and a sorted set', async (db) => {
    const names = Array.from({ length: 1500 }, (_, i) => `m${i}`)
    await db.hSet('hash', Object.fromEntries(names.map((n) => [n, n])))
    await db.sAdd('set', names)
    await db.zAdd('zset', names.map((value, score) => ({ value, score })))
    assert.equal(new Set((await collected(db.hScanIterator('hash'))).map((e) => e.field)).size, 1500)
    assert.equal(new Set(await collected(db.sScanIterator('set'))).size, 1500)
    assert.equal(new Set((await collected(db.zScanIterator('zset'))).map((e) => e.value)).size, 1500)
  }],
  ['script', async (db) => {
    assert.deepEqual(await db.eval('return {KEYS[1], ARGV[1], 7}', { keys: ['k'], arguments: ['v'] }), ['k', 'v', 7])
    const sha = await db.scriptLoad('return redis.call("INCRBY", KEYS[1], ARGV[1])')
    assert.equal(await db.evalSha(sha, { keys: ['n'], arguments: ['5'] }), 5)
    await assert.rejects(db.evalSha('0'.repeat(40), { keys: [] }), /NOSCRIPT/)
  }],
  ['function', async (db) => {
    await db.functionLoad("#!lua name=mine\nredis.register_function('twice', function(k, a) return 2 * tonumber(a[1]) end)", { REPLACE: true })
    assert.equal(await db.fCall('twice', { keys: [], arguments: ['21'] }), 42)
  }],
  ['database 5', async (db) => {
    await db.select(5)
    await db.set('a', 'five')
    await db.select(0)
    assert.equal(await db.get('a'), null)
  }],
  ['expiry', async (db) => {
    await db.set('a', 'x', { expiration: { type: 'PX', value: 100_000 } })
    const left = await db.pTTL('a')
    assert.ok(left > 0 && left <= 100_000)
  }],
  ['dump and restore', async (db) => {
    await db.rPush('list', ['a', 'b'])
    const dumped = await db.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer }).dump('list')
    await db.restore('copy', 0, dumped)
    assert.deepEqual(await db.lRange('copy', 0, -1), ['a', 'b'])
  }],
  ['name and number of a client', async (db) => {
    await db.clientSetName('me')
    assert.equal(await db.clientGetName(), 'me')
    assert.ok((await db.clientId()) > 0)
  }],
  ['server tells of itself', async (db) => {
    assert.match(await db.info('server'), /redis_version:/)
    assert.equal((await db.configGet('maxmemory-policy'))['maxmemory-policy'], 'noeviction')
  }],
  ['ended by another', async (db, options) => {
    const popped = assert.rejects(db.blPop('queue', 0))
    await connected(options, async (other) => {
      let found
      await until(async () => (found = /id=(\d+)[^\n]*cmd=blpop/.exec(await other.sendCommand(['CLIENT', 'LIST']))))
      assert.equal(await other.sendCommand(['CLIENT', 'KILL', 'ID', found[1]]), 1)
    })
    await popped
  }],
  ['pool', async (_, options) => {
    const pool = await createClientPool(options, { minimum: 1, maximum: 5 }).on('error', () => {}).connect()
    try {
      const got = await Promise.all(Array.from({ length: 200 }, () => pool.incr('n')))
      assert.equal(Math.max(...got), 200)
    } finally {
      pool.destroy()
    }
  }],
]

const only3 = [
  ['answers in RESP3 types', async (db) => {
    await db.hSet('hash', { a: '1' })
    const got = await db.withTypeMapping({ [RESP_TYPES.MAP]: Map }).sendCommand(['HGETALL', 'hash'])
    assert.deepEqual([...got], [['a', '1']])
    assert.deepEqual(await db.sendCommand(['EVAL', 'redis.setresp(3); return {double = 0.5}', '0']), 0.5)
    assert.equal(await db.sendCommand(['EVAL', 'redis.setresp(3); return true', '0']), true)
  }],
  ['commands between messages', async (db) => {
    const got = []
    await db.subscribe('news', (message) => got.push(message))
    await db.set('a', 'x')
    assert.equal(await db.publish('news', 'mine'), 1)
    assert.equal(await db.get('a'), 'x')
    await until(() => got.length === 1)
  }],
  ['cache of the client, told of changes', async (_, options) => {
    await connected({ ...options, clientSideCache: { ttl: 0, maxEntries: 100 } }, async (caching) => {
      await caching.set('a', 'old')
      assert.equal(await caching.get('a'), 'old')
      await connected(options, (other) => other.set('a', 'new'))
      await until(async () => (await caching.get('a')) === 'new')
    })
  }],
]

const named = (protocol, list) => list.map(([name, body]) => ({
  name: `RESP${protocol}: ${name}`,
  body: () => connected(settings(protocol), async (db, options) => {
    await db.flushAll()
    await body(db, options)
  }),
}))

run([...named(2, tests), ...named(3, [...tests, ...only3])])
