// The identity provider of tests: npm's oidc-provider with people, groups and keys that a test changes while it runs.
// usage: node provider.mjs PORT CONTROL_PORT CLIENT_ID CLIENT_SECRET
// Its control port takes POST requests with JSON: /account, /redirect, /rotate.
import crypto from 'node:crypto'
import http from 'node:http'
import Provider from 'oidc-provider'

const [port, controlPort, clientID, clientSecret] = process.argv.slice(2)
const accounts = new Map()
const redirects = new Set()
let generation = 0

function newProvider() {
  generation += 1
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: `key-${generation}`, alg: 'RS256' }
  const provider = new Provider(`http://127.0.0.1:${port}`, {
    clients: [
      {
        client_id: clientID,
        client_secret: clientSecret,
        redirect_uris: ['http://127.0.0.1/placeholder'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        response_types: ['code'],
        application_type: 'native',
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['test'] },
    features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'groups'],
    pkce: { required: () => true },
    // Claims that were asked for by scope are in the user info alone, as the specification has it.
    conformIdTokenClaims: true,
    issueRefreshToken: async (ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    findAccount: (ctx, id) => {
      const account = accounts.get(id)
      return account && { accountId: id, claims: () => ({ sub: id, ...account }) }
    },
  })
  provider.Client.prototype.redirectUriAllowed = (uri) => redirects.has(uri)
  return provider.callback()
}

let current = newProvider()
http.createServer((request, response) => current(request, response)).listen(Number(port), '127.0.0.1')

const commands = {
  '/account': ({ id, claims }) => (claims ? accounts.set(id, claims) : accounts.delete(id)),
  '/redirect': ({ uri }) => redirects.add(uri),
  '/rotate': () => {
    current = newProvider()
  },
}

http
  .createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const command = commands[request.url]
    if (command) command(JSON.parse(body || '{}'))
    response.writeHead(command ? 204 : 404).end()
  })
  .listen(Number(controlPort), '127.0.0.1')
