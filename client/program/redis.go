package program

import (
	"net/url"
	"strconv"
)

// anyPassword stands where a program names an account only together with a password. The tunnel looks at none.
const anyPassword = "sallyport"

func redisDialect() dialect {
	steering := []string{"REDISCLI_AUTH"}
	return dialect{
		programs: []Program{
			{Name: "redis-cli", Package: map[string]string{"darwin": "brew install redis", "windows": "redis-cli, in WSL", "": "redis-tools"},
				arguments: Target.redisArguments, environment: Target.redisPassword, Steering: steering},
			{Name: "valkey-cli", Package: map[string]string{"darwin": "brew install valkey", "": "valkey-tools"},
				arguments: Target.redisArguments, environment: Target.redisPassword, Steering: steering},
		},
		socket: "redis.sock", url: Target.redisURL,
	}
}

func (t Target) redisArguments() []string {
	args := []string{"-h", t.Host, "-p", strconv.Itoa(t.Port)}
	if t.Socket != "" {
		args = []string{"-s", t.Socket}
	}
	if t.Cluster && t.Socket == "" { // redis-cli follows no redirects from a socket
		args = append(args, "-c")
	}
	if t.Account != "" {
		args = append(args, "--user", t.Account, "--no-auth-warning")
	}
	if t.Database != "" {
		args = append(args, "-n", t.Database)
	}
	return args
}

func (t Target) redisPassword() []string {
	if t.Account == "" {
		return nil
	}
	return []string{"REDISCLI_AUTH=" + anyPassword}
}

func (t Target) redisURL() string {
	u := url.URL{Scheme: "redis", Host: t.address()}
	if t.Database != "" {
		u.Path = "/" + t.Database
	}
	if t.Account != "" {
		u.User = url.UserPassword(t.Account, anyPassword)
	}
	return u.String()
}
