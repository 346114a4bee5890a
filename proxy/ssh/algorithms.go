package ssh

import "golang.org/x/crypto/ssh"

// version is what the gateway calls itself, to clients and to servers.
const version = "SSH-2.0-Sallyport"

// forClients are the algorithms that clients may choose from: those that ssh-audit has nothing against. Left out besides the broken
// ones: Diffie-Hellman groups, by which a client that has not said who it is makes the gateway compute (CVE-2002-20001), the NIST
// curves, and ChaCha20-Poly1305, which is a third as fast here as AES-GCM and what Terrapin (CVE-2023-48795) was about.
func forClients() ssh.Config {
	return ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
		Ciphers:      []string{ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherAES256CTR, ssh.CipherAES192CTR, ssh.CipherAES128CTR},
		MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
	}
}

// ofClients are the kinds of signatures by which people may prove their keys: none with SHA-1, no DSA.
func ofClients() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384,
		ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
}

// forServers are the algorithms for servers, the fastest first: besides those for clients what older servers need, and nothing that
// x/crypto calls insecure.
func forServers() ssh.Config {
	return ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384,
			ssh.KeyExchangeECDHP521, ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256},
		Ciphers: []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherAES128CTR, ssh.CipherAES192CTR, ssh.CipherAES256CTR,
			ssh.CipherChaCha20Poly1305},
		MACs: []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512},
	}
}

// plainHostKeys are the kinds of host keys that are taken from a server whose key is not known yet, the best first.
func plainHostKeys() []string {
	return []string{ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512,
		ssh.KeyAlgoRSASHA256}
}

// certifiedHostKeys are the kinds of certificates that are taken from servers.
func certifiedHostKeys() []string {
	return []string{ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01}
}
