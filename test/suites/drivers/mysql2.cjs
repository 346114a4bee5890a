'use strict'
// What people do with mysql2, whose package has no tests of its own. It prints a line a test; every answer is compared
// with what it must be, so that the same lines come from a store and through a gateway.
const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { Readable } = require('node:stream')
const { pipeline } = require('node:stream/promises')
const mysql = require('mysql2/promise')
const plain = require('mysql2')
const { run } = require('./run.cjs')

const { DB_HOST: host, DB_PORT: port, DB_USER: user, DB_PASSWORD: password, DB_NAME: database } = process.env
const settings = { host, port: Number(port), user, password, database }

async function connected(options, use) {
  const db = await mysql.createConnection({ ...settings, ...options })
  try {
    return await use(db)
  } finally {
    await db.end()
  }
}
const test = (name, use, options = {}) => ({ name, body: () => connected(options, use) })
const rows = async (db, sql, values) => (await db.query(sql, values))[0]
const prepared = async (db, sql, values) => (await db.execute(sql, values))[0]
const fails = (promise, errno, sqlState) => assert.rejects(promise, (e) => e.errno === errno && (!sqlState || e.sqlState === sqlState))

const values = [
  ['BIGINT UNSIGNED', '18446744073709551615', '18446744073709551615'],
  ['BIGINT', '-9223372036854775808', '-9223372036854775808'],
  ['INT', -2147483648, -2147483648],
  ['SMALLINT', 32767, 32767],
  ['TINYINT', -128, -128],
  ['YEAR', 2026, 2026],
  ['DOUBLE', 0.1, 0.1],
  ['FLOAT', 1.5, 1.5],
  ['DECIMAL(40,10)', '123456789012345678901234567890.0123456789', '123456789012345678901234567890.0123456789'],
  ['DATE', '2026-02-28', '2026-02-28'],
  ['TIME(6)', '-838:59:58.123456', '-838:59:58.123456'],
  ['DATETIME(6)', '2026-02-28 23:59:59.999999', '2026-02-28 23:59:59.999999'],
  ['VARCHAR(100)', 'naïve 日本 🚪 \' " \\ \0 \n', 'naïve 日本 🚪 \' " \\ \0 \n'],
  ['VARBINARY(300)', Buffer.from([...Array(256).keys()]), Buffer.from([...Array(256).keys()])],
  ['BIT(64)', Buffer.from('0123456789abcdef', 'hex'), Buffer.from('0123456789abcdef', 'hex')],
  ["ENUM('a','b')", 'b', 'b'],
  ["SET('a','b','c')", 'a,c', 'a,c'],
  ['TEXT', '', ''],
  ['INT', null, null],
]
const exact = { supportBigNumbers: true, bigNumberStrings: true, dateStrings: true }
const typed = values.flatMap(([type, put, want], i) =>
  [['text', rows], ['prepared', prepared]].map(([form, ask]) =>
    test(`${type} ${i}, ${form}`, async (db) => {
      await db.query(`CREATE TEMPORARY TABLE typed (v ${type})`)
      await ask(db, 'INSERT INTO typed VALUES (?)', [put])
      const [row] = await ask(db, 'SELECT v FROM typed WHERE v <=> ? OR 1', [put])
      const got = type === 'BIGINT' || type === 'BIGINT UNSIGNED' ? String(row.v) : row.v
      assert.deepEqual(got, want)
    }, exact)))

const sizes = [0, 1, 250, 251, 65535, 65536, 1 << 20, (1 << 24) - 20, (1 << 24) + 5, 20 << 20]
const sized = sizes.flatMap((size) =>
  [['text', rows], ['prepared', prepared]].map(([form, ask]) =>
    test(`value of ${size} bytes there and back, ${form}`, async (db) => {
      const value = Buffer.alloc(size, 'abcdefghijklmnopqrstuvwxyz')
      const [row] = await ask(db, 'SELECT CAST(? AS BINARY) AS v, LENGTH(?) AS n', [value, value])
      assert.equal(Number(row.n), size)
      assert.ok(value.equals(row.v))
    })))

const table = 'CREATE TEMPORARY TABLE t (id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100)) ENGINE=InnoDB'

const others = [
  test('ping', async (db) => assert.equal(await db.ping(), true)),
  test('select', async (db) => assert.deepEqual(await rows(db, 'SELECT 1 + 1 AS two'), [{ two: 2 }])),
  test('rows as arrays', async (db) => assert.deepEqual(await rows(db, { sql: 'SELECT 1, 1', rowsAsArray: true }), [[1, 1]])),
  test('nested tables', async (db) => assert.deepEqual(await rows(db, { sql: 'SELECT a.x, b.x FROM (SELECT 1 x) a, (SELECT 2 x) b', nestTables: true }),
    [{ a: { x: 1 }, b: { x: 2 } }])),
  test('columns', async (db) => {
    const [, fields] = await db.query('SELECT 1 AS a, "x" AS b')
    assert.deepEqual(fields.map((f) => f.name), ['a', 'b'])
  }),
  test('insert tells id and rows', async (db) => {
    await db.query(table)
    const [first] = await db.query('INSERT INTO t (name) VALUES ?', [[['a'], ['b'], ['c']]])
    assert.deepEqual([first.insertId, first.affectedRows], [1, 3])
    const [second] = await db.execute('UPDATE t SET name = ? WHERE id < ?', ['z', 3])
    assert.deepEqual([second.affectedRows, second.changedRows], [2, 2])
  }),
  test('syntax error', async (db) => {
    await fails(db.query('SELEC 1'), 1064, '42000')
    assert.deepEqual(await rows(db, 'SELECT 1 AS n'), [{ n: 1 }])
  }),
  test('unknown table, prepared', async (db) => {
    await fails(db.execute('SELECT * FROM nowhere WHERE id = ?', [1]), 1146, '42S02')
    assert.deepEqual(await prepared(db, 'SELECT ? AS n', ['1']), [{ n: '1' }])
  }),
  test('one statement, many executions', async (db) => {
    const statement = await db.prepare('SELECT ? * 2 AS n')
    for (let i = 0; i < 500; i++) {
      const [[row]] = await statement.execute([i])
      assert.equal(Number(row.n), i * 2)
    }
    await statement.close()
  }),
  test('more statements than the client keeps', async (db) => {
    for (let i = 0; i < 100; i++) {
      assert.deepEqual(await prepared(db, `SELECT ? AS n${i}`, ['x']), [{ [`n${i}`]: 'x' }])
    }
  }, { maxPreparedStatements: 10 }),
  test('many commands at once', async (db) => {
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => (i % 2 ? rows : prepared)(db, 'SELECT ? AS n', [String(i)])))
    all.forEach((r, i) => assert.deepEqual(r, [{ n: String(i) }]))
  }),
  test('transaction, committed', async (db) => {
    await db.query(table)
    await db.beginTransaction()
    await db.execute('INSERT INTO t (name) VALUES (?)', ['kept'])
    await db.commit()
    assert.deepEqual(await rows(db, 'SELECT name FROM t'), [{ name: 'kept' }])
  }),
  test('transaction, rolled back', async (db) => {
    await db.query(table)
    await db.beginTransaction()
    await db.execute('INSERT INTO t (name) VALUES (?)', ['gone'])
    await db.query('SAVEPOINT s')
    await db.query('ROLLBACK TO s')
    await db.rollback()
    assert.deepEqual(await rows(db, 'SELECT name FROM t'), [])
  }),
  test('several statements', async (db) => {
    const [results] = await db.query('SELECT 1 AS a; SET @x = 2; SELECT @x AS b')
    assert.deepEqual([results[0], results[1].affectedRows, results[2]], [[{ a: 1 }], 0, [{ b: 2 }]])
  }, { multipleStatements: true }),
  test('several statements, the second fails', async (db) => {
    await fails(db.query('SELECT 1; SELECT nothing FROM nowhere; SELECT 3'), 1146)
    assert.deepEqual(await rows(db, 'SELECT 4 AS n'), [{ n: 4 }])
  }, { multipleStatements: true }),
  test('several statements are not asked for', (db) => fails(db.query('SELECT 1; SELECT 2'), 1064)),
  test('procedure with several results', async (db) => {
    await db.query('CREATE OR REPLACE PROCEDURE several(IN n INT) BEGIN SELECT n AS a; SELECT n + 1 AS b; END')
    for (const ask of [rows, prepared]) {
      const results = await ask(db, 'CALL several(?)', [5])
      assert.deepEqual([results[0], results[1]], [[{ a: 5 }], [{ b: 6 }]])
    }
  }),
  test('error of a procedure', async (db) => {
    await db.query("CREATE OR REPLACE PROCEDURE signals() SIGNAL SQLSTATE '45000' SET MYSQL_ERRNO = 5000, MESSAGE_TEXT = 'from a procedure'")
    await fails(db.query('CALL signals()'), 5000, '45000')
  }),
  { name: 'streamed rows', body: () => streamed((db) => db.query('SELECT seq, REPEAT("x", 100) AS pad FROM seq_1_to_100000')) },
  { name: 'streamed rows, prepared', body: () => streamed((db) => db.execute('SELECT seq, REPEAT("x", ?) AS pad FROM seq_1_to_100000', [100])) },
  { name: 'a stream that is left', body: left },
  test('load data local', async (db) => {
    await db.query(table)
    const lines = Array.from({ length: 5000 }, (_, i) => Buffer.from(`${i + 1}\tname ${i}\n`))
    await db.query({ sql: 'LOAD DATA LOCAL INFILE "any" INTO TABLE t', infileStreamFactory: () => Readable.from(lines) })
    assert.deepEqual(await rows(db, 'SELECT COUNT(*) AS n, MAX(name) AS m FROM t'), [{ n: 5000, m: 'name 999' }])
  }),
  test('change of user to oneself', async (db) => {
    await db.query('SET @kept = 1')
    await db.changeUser({ user, password, database })
    assert.deepEqual(await rows(db, 'SELECT @kept AS v'), [{ v: null }])
  }),
  test('reset', async (db) => {
    await db.query('SET @kept = 1')
    await db.reset()
    assert.deepEqual(await rows(db, 'SELECT @kept AS v'), [{ v: null }])
  }),
  test('time out at the server', (db) => fails(db.query('SET STATEMENT max_statement_time = 0.1 FOR SELECT SLEEP(5)'), 1969)),
  test('killed by another', async (db) => {
    const [[{ id }]] = await db.query('SELECT CONNECTION_ID() AS id')
    const counts = fails(db.query('SELECT COUNT(*) FROM seq_1_to_100000000 a JOIN seq_1_to_1000 b'), 1317)
    await connected({}, async (other) => {
      for (let waits = true; waits;) {
        const [found] = await other.query("SELECT 1 FROM information_schema.processlist WHERE id = ? AND info LIKE 'SELECT COUNT%'", [id])
        waits = found.length === 0
      }
      await other.query(`KILL QUERY ${id}`)
    })
    await counts
  }),
  test('unknown database', async () => { await fails(mysql.createConnection({ ...settings, database: 'not_there' }), 1049) }),
  test('use', async (db) => {
    await db.query('USE information_schema')
    assert.deepEqual(await rows(db, 'SELECT DATABASE() AS d'), [{ d: 'information_schema' }])
  }),
  test('character sets', async (db) => {
    await db.query('SET NAMES latin1')
    assert.deepEqual(await rows(db, 'SELECT HEX("a") AS h, @@character_set_client AS c'), [{ h: '61', c: 'latin1' }])
  }),
  test('json', async (db) => {
    const [row] = await prepared(db, 'SELECT JSON_VALUE(?, "$.a") AS a', [JSON.stringify({ a: 'ü' })])
    assert.equal(row.a, 'ü')
  }),
  { name: 'pool', body: pooled },
]

// streamed reads a result row by row, slower than the store sends.
async function streamed(ask) {
  const db = plain.createConnection(settings)
  let sum = 0
  let bytes = 0
  await pipeline(ask(db).stream({ highWaterMark: 5 }), async (source) => {
    for await (const row of source) {
      sum += row.seq
      bytes += row.pad.length
    }
  })
  await db.promise().end()
  assert.deepEqual([sum, bytes], [5000050000, 10000000])
}

// left ends a connection in the middle of a result.
async function left() {
  const db = plain.createConnection(settings)
  let n = 0
  await new Promise((resolve, reject) => {
    db.query('SELECT seq FROM seq_1_to_10000000').on('error', reject).on('result', () => {
      if (++n === 1000) {
        db.destroy()
        resolve()
      }
    })
  })
  await connected({}, async (other) => assert.deepEqual(await rows(other, 'SELECT 1 AS n'), [{ n: 1 }]))
}

async function pooled() {
  const pool = mysql.createPool({ ...settings, connectionLimit: 5 })
  const sums = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const text = crypto.createHash('sha1').update(String(i)).digest('hex')
    const [[row]] = await pool.execute('SELECT SHA1(?) AS h', [String(i)])
    return row.h === text
  }))
  await pool.end()
  assert.ok(sums.every(Boolean))
}

run([...typed, ...sized, ...others])
