// Package client is the local client: it signs a person in, keeps the short-lived certificate that proves who they
// are, and opens local listeners whose connections travel to a gateway inside mutual TLS. It knows no protocol: a
// tunnel carries bytes. It talks HTTP to the control plane and TLS to gateways, and imports neither.
package client
