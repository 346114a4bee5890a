// Package container tests what stands in docker-compose.yml and Dockerfile, as far as that goes without Docker.
package container

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

const root = "../.."

// composeFile holds the parts of the Compose specification that ours uses; any other key is an error.
type composeFile struct {
	Services map[string]service `yaml:"services"`
	Configs  map[string]struct {
		Content string `yaml:"content"`
	} `yaml:"configs"`
	Volumes map[string]any `yaml:"volumes"`
}

type service struct {
	Build       string            `yaml:"build"`
	Image       string            `yaml:"image"`
	Restart     string            `yaml:"restart"`
	Command     []string          `yaml:"command"`
	Environment map[string]string `yaml:"environment"`
	Ports       []string          `yaml:"ports"`
	Volumes     []string          `yaml:"volumes"`
	Configs     []struct {
		Source string `yaml:"source"`
		Target string `yaml:"target"`
	} `yaml:"configs"`
	DependsOn map[string]struct {
		Condition string `yaml:"condition"`
	} `yaml:"depends_on"`
	Healthcheck struct {
		Test        []string `yaml:"test"`
		Interval    string   `yaml:"interval"`
		Timeout     string   `yaml:"timeout"`
		Retries     int      `yaml:"retries"`
		StartPeriod string   `yaml:"start_period"`
	} `yaml:"healthcheck"`
	StopGracePeriod string   `yaml:"stop_grace_period"`
	ReadOnly        bool     `yaml:"read_only"`
	Tmpfs           []string `yaml:"tmpfs"`
	CapAdd          []string `yaml:"cap_add"`
	CapDrop         []string `yaml:"cap_drop"`
	SecurityOpt     []string `yaml:"security_opt"`
}

func readCompose(t *testing.T) composeFile {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c composeFile
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.Strict()); err != nil {
		t.Fatalf("docker-compose.yml: %s", yaml.FormatError(err, false, true))
	}
	return c
}

func TestComposeRefersToWhatItDefines(t *testing.T) {
	c := readCompose(t)
	for _, name := range []string{"sally", "postgres", "vault"} {
		if _, ok := c.Services[name]; !ok {
			t.Errorf("there is no service %s", name)
		}
	}
	for name, s := range c.Services {
		if (s.Build == "") == (s.Image == "") {
			t.Errorf("%s: want either build or image", name)
		}
		if len(s.Healthcheck.Test) < 2 || s.Healthcheck.Retries == 0 {
			t.Errorf("%s: has no health check", name)
		}
		for other, d := range s.DependsOn {
			if _, ok := c.Services[other]; !ok || d.Condition != "service_healthy" {
				t.Errorf("%s: depends on %s, %s", name, other, d.Condition)
			}
		}
		for _, v := range s.Volumes {
			volume, _, _ := strings.Cut(v, ":")
			if _, ok := c.Volumes[volume]; !ok {
				t.Errorf("%s: volume %s is not defined", name, volume)
			}
		}
		for _, used := range s.Configs {
			if _, ok := c.Configs[used.Source]; !ok {
				t.Errorf("%s: config %s is not defined", name, used.Source)
			}
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
	}
}

// TestComposeSecretsAreMarked wants every secret to be replaceable and its default to say that it is for the demo.
func TestComposeSecretsAreMarked(t *testing.T) {
	marked := regexp.MustCompile(`^\$\{DEMO_[A-Z_]+:-demo-only-[a-z]+\}$`)
	for name, s := range readCompose(t).Services {
		for key, value := range s.Environment {
			secret := strings.Contains(key, "PASSWORD") || strings.Contains(key, "TOKEN")
			if secret && !marked.MatchString(value) {
				t.Errorf("%s: %s is %q", name, key, value)
			}
		}
	}
}

// TestComposeConfigurationIsValid gives the inline configuration to the program that will read it.
func TestComposeConfigurationIsValid(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sally.yaml")
	if err := os.WriteFile(path, []byte(readCompose(t).Configs["sally"].Content), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "./cmd/sally", "config", "check", path)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sally config check: %v\n%s", err, out)
	}
}

// TestDockerfileStagesExist wants each COPY --from to name a stage before it, and the result to run as no root.
func TestDockerfileStagesExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	stages := make(map[string]bool)
	user := ""
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 4 && fields[0] == "FROM" && fields[2] == "AS":
			stages[fields[3]] = true
		case len(fields) == 2 && fields[0] == "USER":
			user = fields[1]
		}
		for _, field := range fields {
			if from, ok := strings.CutPrefix(field, "--from="); ok && !stages[from] {
				t.Errorf("%s: there is no stage %s above", strings.TrimSpace(line), from)
			}
		}
	}
	if len(stages) < 2 || user != "nonroot" {
		t.Errorf("stages %v, user %q", stages, user)
	}
}

// TestTheKeyOfWhatIsSealedOutlivesTheContainer: the directory that the program keeps the key in is a volume of the image,
// and one of the composition, whose file system is read-only elsewhere.
func TestTheKeyOfWhatIsSealedOutlivesTheContainer(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	kept := regexp.MustCompile(`(?m)^ENV .*XDG_CONFIG_HOME=(\S+)`).FindStringSubmatch(string(text))
	volumes := regexp.MustCompile(`(?m)^VOLUME (.*)$`).FindStringSubmatch(string(text))
	if kept == nil || volumes == nil || !slices.Contains(strings.Fields(volumes[1]), kept[1]) {
		t.Fatalf("the image keeps the key in %v, its volumes are %v", kept, volumes)
	}
	sally := readCompose(t).Services["sally"]
	if !sally.ReadOnly || !slices.ContainsFunc(sally.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+kept[1]) }) {
		t.Errorf("the composition mounts %v, and nothing at %s", sally.Volumes, kept[1])
	}
}
