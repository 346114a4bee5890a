'use strict'
// Runs tests one after the other. It first prints a line "has NAME" for each, then "ok NAME", or "not ok NAME" and why.
const limit = 60_000 // milliseconds that a test may take

async function one({ name, body }) {
  let timer
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error('it takes too long')), limit)
  })
  try {
    await Promise.race([body(), late])
    console.log(`ok ${name}`)
    return true
  } catch (e) {
    console.log(`not ok ${name}`)
    console.log(String(e.stack || e).replace(/^/gm, '  '))
    return false
  } finally {
    clearTimeout(timer)
  }
}

exports.run = async (tests) => {
  for (const { name } of tests) {
    console.log(`has ${name}`)
  }
  let good = true
  for (const test of tests) {
    good = (await one(test)) && good
  }
  process.exit(good ? 0 : 1)
}
