package access

import "time"

// SSHRotation says by which of its keys one of Sallyport's SSH authorities signs, and which one counts besides while it is rotated. Keys are
// numbered from 1.
type SSHRotation struct {
	Signs int `json:"signs" doc:"Number of the key that signs"`
	// Other is 0 where no other key counts. A greater number signs next, a smaller one has signed before.
	Other    int       `json:"other,omitempty" doc:"Number of the key that counts besides: a greater one is to sign next, a smaller one has signed before"`
	OtherKey string    `json:"other_key,omitempty" doc:"That key, as in authorized_keys"`
	Changed  time.Time `json:"changed,omitzero" doc:"When this was last changed"`
}

// SSHRotations are those of SSHAuthorities.
type SSHRotations struct {
	Users  SSHRotation `json:"users"`
	Hosts  SSHRotation `json:"hosts"`
	Logins SSHRotation `json:"logins"`
}

// SSHUserAuthority says whether people's certificates count that the key has signed, which is given as in authorized_keys.
func (s *Snapshot) SSHUserAuthority(key string) bool {
	return key != "" && (key == s.SSHAuthorities.Users || key == s.SSHRotations.Users.OtherKey)
}

// SSHHostAuthority says likewise whether gateways' host certificates count that the key has signed.
func (s *Snapshot) SSHHostAuthority(key string) bool {
	return key != "" && (key == s.SSHAuthorities.Hosts || key == s.SSHRotations.Hosts.OtherKey)
}
