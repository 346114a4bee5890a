package access

import "time"

// The extensions of Sallyport's SSH user certificates say what URIs say in those of X.509. Other servers ignore them.
const (
	SSHMFAExtension   = "mfa@sallyport.internal"   // when the user last used a passkey, RFC 3339
	SSHTokenExtension = "token@sallyport.internal" // the ID of the access token by which the certificate was had
)

// SSHExtensions are those of a certificate for the identity.
func SSHExtensions(id Identity) map[string]string {
	extensions := map[string]string{}
	if !id.MFA.IsZero() {
		extensions[SSHMFAExtension] = id.MFA.UTC().Format(time.RFC3339)
	}
	if id.Token != "" {
		extensions[SSHTokenExtension] = id.Token
	}
	return extensions
}

// SSHCertified is what an SSH user certificate says, by its parts: it was issued in the microsecond of its serial number, and is
// valid within the seconds after and before. Its signature must have been verified.
func SSHCertified(user string, serial, after, before uint64, extensions map[string]string) Certified {
	mfa, _ := time.Parse(time.RFC3339, extensions[SSHMFAExtension]) // zero where there is none
	return Certified{User: user, Issued: time.UnixMicro(int64(serial)).UTC(), From: time.Unix(int64(after), 0).UTC(),
		Until: time.Unix(int64(before), 0).UTC(), MFA: mfa.UTC(), Token: extensions[SSHTokenExtension]}
}
