// Package oidc proves people by their identity provider, and programs by tokens of an issuer such as a CI system, in
// OpenID Connect (https://openid.net/specs/openid-connect-core-1_0.html). It knows nothing of users and sessions.
package oidc
