// oidc-provider's configuration, cut to look like an Okta org or one of its custom authorization servers.
import { errors } from 'oidc-provider';

// What Okta lists for private_key_jwt and for DPoP proofs.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'ES256', 'ES384', 'ES512'];

const off = { enabled: false };

// The org's endpoints live below its issuer's path, a custom server's directly below its own issuer.
export const layout = (origin, custom) => (custom
  ? { issuer: `${origin}/oauth2/${custom}`, mount: `/oauth2/${custom}`, base: '/v1' }
  : { issuer: origin, mount: '', base: '/oauth2/v1' });

const client = (dpop) => ({ client_id, jwks, alg = 'RS256', scopes }) => ({
  client_id,
  jwks,
  scope: scopes.join(' '),
  token_endpoint_auth_method: 'private_key_jwt',
  token_endpoint_auth_signing_alg: alg,
  grant_types: ['client_credentials'],
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
    clientAuthMethods: ['private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ALGORITHMS, dPoPSigningAlgValues: ALGORITHMS },
    ...(audience === 'endpoint' && { assertJwtClientAuthClaimsAndHeader: endpointIsTheAudience }),
    formats: { customizers: { jwt: oktaClaims } },
    routes: {
      token: `${base}/token`,
      introspection: `${base}/introspect`,
      revocation: `${base}/revoke`,
      jwks: `${base}/keys`,
    },
    ttl: { ClientCredentials: token_ttl_secs },
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
