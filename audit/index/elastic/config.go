package elastic

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"
)

// The environment variables that hold what proves this gateway to the cluster, unless files are configured.
const (
	PasswordEnv = "SALLY_ELASTIC_PASSWORD"
	APIKeyEnv   = "SALLY_ELASTIC_API_KEY"
)

// Config says where the cluster is and how the record is kept there. It holds no secret. Only URLs must be given.
type Config struct {
	// URLs are the cluster's nodes, https://host:9200; the next one is asked when one cannot be reached.
	URLs []string `yaml:"urls"`
	// Prefix begins the names of all indices; default "sallyport-audit". Gateways with the same prefix share the record.
	Prefix string `yaml:"prefix,omitempty"`
	// Username logs in with the password in PasswordFile, or in SALLY_ELASTIC_PASSWORD.
	Username     string `yaml:"username,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty"`
	// APIKeyFile holds an API key as the cluster encodes it; or it is in SALLY_ELASTIC_API_KEY.
	APIKeyFile string `yaml:"api_key_file,omitempty"`
	// CAFile holds the authorities, in PEM, that may vouch for the nodes; empty means the system's.
	CAFile string `yaml:"ca_file,omitempty"`
	// Timeout bounds one request that takes records in or looks after indices; default 30 s. Searches have their own.
	Timeout time.Duration `yaml:"timeout,omitempty"`
	// Shards and Replicas are those of each day's index; default 1 and 1. They count for days to come.
	Shards   int  `yaml:"shards,omitempty"`
	Replicas *int `yaml:"replicas,omitempty"`
	// Retention removes the indices of days that ended this long ago; 0 keeps them all.
	Retention time.Duration `yaml:"retention,omitempty"`
	// LifecyclePolicy names a policy of Elasticsearch's index lifecycle management for new indices.
	LifecyclePolicy string `yaml:"lifecycle_policy,omitempty"`
	// BulkBytes bounds one bulk request; default 5 MiB.
	BulkBytes int `yaml:"bulk_bytes,omitempty"`
	// RefreshInterval is how often the cluster makes new events searchable; default 1 s, at most 1 min.
	RefreshInterval time.Duration `yaml:"refresh_interval,omitempty"`
	// SlowText allows a cluster without the field type wildcard: answers are the same, but a search for text then looks
	// at every distinct statement.
	SlowText bool `yaml:"slow_text,omitempty"`
}

const (
	defaultPrefix  = "sallyport-audit"
	defaultTimeout = 30 * time.Second
	defaultBulk    = 5 << 20
	smallestBulk   = 64 << 10
	largestBulk    = 64 << 20
	defaultRefresh = time.Second
	longestRefresh = time.Minute
	day            = 24 * time.Hour
)

var prefixForm = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,99}$`)

// Validate says what is wrong with the configuration, naming the key; it touches neither files nor network.
func (c Config) Validate() error {
	var wrong []error
	add := func(isWrong bool, format string, args ...any) {
		if isWrong {
			wrong = append(wrong, fmt.Errorf(format, args...))
		}
	}
	add(len(c.URLs) == 0, "urls: is empty; give the cluster's nodes, such as https://search-1.internal:9200")
	for i, text := range c.URLs {
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			add(true, "urls[%d]: is no URL of the form https://host:9200", i)
			continue
		}
		add(u.User != nil, "urls[%d]: must not hold a user or password; use username and password_file", i)
		add(u.RawQuery != "" || u.Fragment != "", "urls[%d]: must end with the path", i)
	}
	add(c.Prefix != "" && !prefixForm.MatchString(c.Prefix),
		"prefix: %q; use up to 100 small letters, digits, dots, dashes and underscores, a letter or digit first", c.Prefix)
	add(c.PasswordFile != "" && c.Username == "", "password_file: needs username")
	add(c.APIKeyFile != "" && c.Username != "", "api_key_file: give either an API key or username, not both")
	add(c.Timeout < 0, "timeout: must not be negative")
	add(c.Shards < 0 || c.Shards > 1024, "shards: must be from 1 to 1024")
	add(c.Replicas != nil && (*c.Replicas < 0 || *c.Replicas > 16), "replicas: must be from 0 to 16")
	add(c.Retention != 0 && c.Retention < day, "retention: must be a day (24h) or longer, or 0 for ever")
	add(c.BulkBytes != 0 && (c.BulkBytes < smallestBulk || c.BulkBytes > largestBulk),
		"bulk_bytes: must be from %d to %d", smallestBulk, largestBulk)
	add(c.RefreshInterval != 0 && (c.RefreshInterval < 10*time.Millisecond || c.RefreshInterval > longestRefresh),
		"refresh_interval: must be from 10ms to 1m")
	return errors.Join(wrong...)
}

func (c Config) withDefaults() Config {
	setDefault(&c.Prefix, defaultPrefix)
	setDefault(&c.Timeout, defaultTimeout)
	setDefault(&c.Shards, 1)
	setDefault(&c.BulkBytes, defaultBulk)
	setDefault(&c.RefreshInterval, defaultRefresh)
	if c.Replicas == nil {
		one := 1
		c.Replicas = &one
	}
	return c
}

func setDefault[T comparable](value *T, to T) {
	var zero T
	if *value == zero {
		*value = to
	}
}

// refreshInterval is the interval as the servers write it.
func (c Config) refreshInterval() string {
	return fmt.Sprintf("%dms", c.RefreshInterval.Milliseconds())
}
