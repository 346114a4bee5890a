package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sallyport/sallyport/client"
	"github.com/sallyport/sallyport/client/program"
)

func newSSHCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ssh [SSH-OPTIONS] [ACCOUNT@]NAME [SSH-OPTIONS] [COMMAND]",
		Short: "Use a server by the ssh that you have",
		Long: `Use a server by the ssh that you have. It takes all that ssh takes; keys and passwords are not needed, and the server's
fingerprint is never asked about. All that is done is recorded.

Programs that run ssh take it in ssh's place: GIT_SSH_COMMAND='sally ssh', rsync -e 'sally ssh'. To use names of servers in every
program (scp, sftp, rsync, git, ansible, editors): sally ssh-config --install`,
		Example: `  sally ssh web-1
  sally ssh deploy@web-1 uptime
  sally ssh web-1 -L 8080:localhost:80
  rsync -e 'sally ssh' -a site/ web-1:/srv/site/`,
		DisableFlagParsing: true,
		ValidArgsFunction:  completeServers,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "--help" || args[0] == "-h" {
				return cmd.Help()
			}
			parsed, err := program.ParseSSH(args)
			if err == nil {
				err = runSSH(cmd, parsed)
			}
			return asSSH(cmd, err)
		},
	}
}

// exitUnconnected is the status with which ssh ends that has not connected.
const exitUnconnected exitStatus = 255

// asSSH ends as ssh would, so that programs that run this one in its place know that nothing has run.
func asSSH(cmd *cobra.Command, err error) error {
	var ran *exec.ExitError
	if err == nil || errors.As(err, &ran) {
		return err
	}
	fmt.Fprintln(cmd.ErrOrStderr(), "sally:", err)
	return exitUnconnected
}

// completeServers gives the names of servers that begin as what was typed, with the account before @ left as it is.
func completeServers(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	account, name := "", typed
	if i := strings.LastIndexByte(typed, '@'); i >= 0 {
		account, name = typed[:i+1], typed[i+1:]
	}
	names, directive := completeNames(cmd, args, name)
	var servers []string
	for _, n := range names {
		if server, isServer := strings.CutSuffix(n, "\t"+program.SSH); isServer {
			servers = append(servers, account+server)
		}
	}
	return servers, directive
}

func runSSH(cmd *cobra.Command, args program.SSHArguments) error {
	c, err := newConnecting(cmd)
	if err != nil {
		return err
	}
	_, name := args.Target()
	resources, err := c.resources(cmd.Context(), []string{name}, false)
	if err != nil {
		return err
	}
	r := resources[0]
	if r.Protocol != "" && r.Protocol != program.SSH {
		return fmt.Errorf("%s is no server that ssh could open, but %s; use: sally open %s", r.Name, r.Protocol, r.Name)
	}
	return c.startSSH(r, "", args)
}

// startSSH puts ssh in this program's place.
func (c *connecting) startSSH(r client.Resource, account string, args program.SSHArguments) error {
	path, err := exec.LookPath("ssh")
	if err != nil {
		return errors.New("ssh is not installed here; get OpenSSH's client, which Debian calls openssh-client")
	}
	user, err := c.account(r, account)
	if err != nil {
		return err
	}
	way, err := sshWay(c.profile, r.Name, user)
	if err != nil {
		return err
	}
	return become(path, append([]string{"ssh"}, args.For(way)...))
}

// sshWay is how ssh reaches a resource by this program.
func sshWay(p *client.Profile, resource, user string) (program.SSHWay, error) {
	store, err := client.OpenStore()
	if err != nil {
		return program.SSHWay{}, err
	}
	known, err := store.KnownHosts(p)
	if err != nil {
		return program.SSHWay{}, err
	}
	own, err := ownPath()
	return program.SSHWay{Proxy: []string{own, "ssh-proxy", "--profile", p.Name, resource}, HostKey: client.GatewayName, KnownHosts: known, User: user}, err
}

// ownPath is where this program is, by the name that stays when it is updated.
func ownPath() (string, error) {
	running, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	found, err := exec.LookPath(os.Args[0])
	if err != nil {
		return running, nil //nolint:nilerr // it was started by another name
	}
	if found, err = filepath.Abs(found); err != nil {
		return running, nil //nolint:nilerr // the same program, by the name that the system knows
	}
	return found, nil
}

func newSSHProxyCommand() *cobra.Command {
	var profile string
	cmd := &cobra.Command{
		Use:    "ssh-proxy NAME",
		Short:  "Carry one connection of ssh's, which runs this as its ProxyCommand",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := proxySSH(cmd, profile, args[0])
			if cmd.Context().Err() != nil { // Ctrl-C reaches ssh as well, which says of it what there is to say
				return exitUnconnected
			}
			return err
		},
	}
	cmd.Flags().StringVar(&profile, "profile", "", "the sign-in to use; default: the present one")
	return cmd
}

func proxySSH(cmd *cobra.Command, profile, name string) error {
	ctx := cmd.Context()
	store, err := client.OpenStore()
	if err != nil {
		return err
	}
	load := store.Active
	if profile != "" {
		load = func() (*client.Profile, error) { return store.Load(profile) }
	}
	p, err := load()
	if err != nil {
		return err
	}
	if p, err = renewed(ctx, p); err != nil {
		return err
	}
	if _, err := store.KnownHosts(p); err != nil { // ssh reads it once the gateway has answered
		return err
	}
	dialer, err := client.NewDialer(p, load)
	if err != nil {
		return err
	}
	routes := client.NewRoutes(dialer)
	tunnel := &client.Tunnel{Resource: name, Dial: func(ctx context.Context) (client.Conn, error) {
		return dialKept(ctx, store, p, routes, name)
	}}
	return tunnel.Stdio(ctx, cmd.InOrStdin(), cmd.OutOrStdout())
}

// dialKept dials by the gateways that the server told of last, so that not every connection has to ask it. Where they do not lead to the
// resource, or none are known, it is asked.
func dialKept(ctx context.Context, store *client.Store, p *client.Profile, routes *client.Routes, name string) (client.Conn, error) {
	dial := func(resources []client.Resource) (client.Conn, error) {
		i := slices.IndexFunc(resources, func(r client.Resource) bool { return r.Name == name })
		if i < 0 {
			return nil, notYours(ctx, p, name, resources)
		}
		return routes.Dial(ctx, name, resources[i].Ways(p.Host()))
	}
	kept, err := store.KeptResources(p.Name)
	if err == nil {
		var conn client.Conn
		if conn, err = dial(kept); err == nil {
			return conn, nil
		}
	}
	if ctx.Err() != nil {
		return nil, err
	}
	fresh, unasked := ownResources(ctx, p)
	if unasked != nil {
		return nil, errors.Join(err, unasked)
	}
	return dial(fresh)
}
