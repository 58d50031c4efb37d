// oidc-provider's configuration, cut to look like an Okta org or one of its custom authorization servers.
import { errors } from 'oidc-provider';

// What Okta lists for private_key_jwt and for DPoP proofs.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

const off = { enabled: false };

// The org's endpoints live below its issuer's path, a custom server's directly below its own issuer.
export const layout = (origin, custom) => (custom
  ? { issuer: `${origin}/oauth2/${custom}`, mount: `/oauth2/${custom}`, base: '/v1' }
  : { issuer: origin, mount: '', base: '/oauth2/v1' });

const HMAC_ALGORITHMS = ['HS256', 'HS384', 'HS512'];

const AUTH_METHODS = ['private_key_jwt', 'client_secret_basic', 'client_secret_post', 'client_secret_jwt', 'none'];

// Only methods with an assertion have an algorithm.
const signingAlg = (method, alg) => (method.endsWith('_jwt') ? { token_endpoint_auth_signing_alg: alg } : {});

const client = (dpop) => ({ client_id, jwks, secret, auth_method = 'private_key_jwt', alg = 'RS256', scopes, refresh }) => ({
  client_id,
  ...(jwks && { jwks }),
  ...(secret && { client_secret: secret }),
  scope: scopes.join(' '),
  token_endpoint_auth_method: auth_method,
  ...signingAlg(auth_method, alg),
  // What has nothing to prove cannot act for itself.
  grant_types: [...(auth_method === 'none' ? [] : ['client_credentials']), ...(refresh ? ['refresh_token'] : [])],
  response_types: [],
  redirect_uris: [],
  dpop_bound_access_tokens: Boolean(dpop?.required),
});

// Okta takes the URL being called and nothing else. The hook runs after the signature check, before the jti is spent.
function endpointIsTheAudience(ctx, claims) {
  if (claims.aud !== ctx.oidc.urlFor(ctx.oidc.route)) {
    throw new errors.InvalidClientAuth('the audience must be the endpoint invoked');
  }
}

// Okta says scp and cid where RFC 9068 says scope and client_id, and sends no typ.
function oktaClaims(_ctx, _token, jwt) {
  const { scope = '', client_id: cid, ...rest } = jwt.payload;
  jwt.header = { typ: undefined };
  jwt.payload = { ver: 1, ...rest, cid, scp: scope.split(' ').filter(Boolean) };
}

// The provider introspects and revokes opaque tokens only, Okta both kinds; so a test may choose.
const apiDefault = (accessTokenFormat) => ({
  enabled: true,
  defaultResource: () => 'api://default',
  getResourceServerInfo: (_ctx, audience, { scope }) => ({
    audience, scope, accessTokenFormat, jwt: { sign: { alg: 'RS256' } },
  }),
});

export function oktaDress(config, { base, adapter, jwks, nonceSecret }) {
  const { clients, audience, custom, dpop, token_ttl_secs = 3600, token_format = 'jwt' } = config;

  return {
    adapter,
    jwks,
    clients: clients.map(client(dpop)),
    scopes: [...new Set(clients.flatMap(({ scopes }) => scopes))],
    responseTypes: [],
    clientAuthMethods: AUTH_METHODS,
    enabledJWA: { clientAuthSigningAlgValues: [...ALGORITHMS, ...HMAC_ALGORITHMS], dPoPSigningAlgValues: ALGORITHMS },
    // Each use gives another refresh token; the second use of one revokes the grant. There is no grace period.
    rotateRefreshToken: true,
    findAccount: (_ctx, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    ...(audience === 'endpoint' && { assertJwtClientAuthClaimsAndHeader: endpointIsTheAudience }),
    formats: { customizers: { jwt: oktaClaims } },
    routes: {
      token: `${base}/token`,
      introspection: `${base}/introspect`,
      revocation: `${base}/revoke`,
      jwks: `${base}/keys`,
    },
    ttl: {
      ClientCredentials: token_ttl_secs, AccessToken: token_ttl_secs, IdToken: token_ttl_secs, RefreshToken: 86400, Grant: 86400,
    },
    features: {
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      // Okta answers 200 to a stranger and leaves the token alone.
      revocation: { enabled: true, allowedPolicy: (_ctx, { clientId }, token) => clientId === token.clientId },
      // Off unless asked for: once on, every proof binds its token, even for a client that need not send one.
      dPoP: dpop ? { enabled: true, nonceSecret, requireNonce: () => Boolean(dpop.nonces) } : off,
      resourceIndicators: custom ? apiDefault(token_format) : off,
      devInteractions: off,
      pushedAuthorizationRequests: off,
      rpInitiatedLogout: off,
      userinfo: off,
    },
  };
}
