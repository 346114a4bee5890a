package program

import (
	"fmt"
	"net/url"
	"strconv"
)

func mysqlDialect() dialect {
	steering := []string{"MYSQL_HOST", "MYSQL_TCP_PORT", "MYSQL_UNIX_PORT", "MYSQL_PWD", "MYSQL_GROUP_SUFFIX"}
	return dialect{
		programs: []Program{
			{Name: "mariadb", Package: map[string]string{"darwin": "brew install mariadb", "windows": "the MariaDB installer", "": "mariadb-client"},
				arguments: func(t Target) []string { return append(t.mysqlArguments(), "--skip-ssl") }, Steering: steering},
			{Name: "mysql", Package: map[string]string{"darwin": "brew install mysql-client", "windows": "the MySQL installer", "": "mysql-client"},
				arguments: Target.mysqlArguments, Steering: steering},
			{Name: "mycli", Package: map[string]string{"": "pip install mycli"}, arguments: Target.mycliArguments, Steering: steering},
		},
		socket: "mysql.sock", url: Target.mysqlURL, environment: Target.mysqlEnvironment, jdbc: Target.mysqlJDBC,
		dbeaver: [2]string{"mysql", "mysql8"},
	}
}

// mysqlArguments are those of MySQL's and MariaDB's own programs, which take the user from there alone.
func (t Target) mysqlArguments() []string {
	args := []string{"--protocol=tcp", "--host=" + t.Host, "--port=" + strconv.Itoa(t.Port)}
	if t.Socket != "" {
		args = []string{"--protocol=socket", "--socket=" + t.Socket}
	}
	if t.Account != "" {
		args = append(args, "--user="+t.Account)
	}
	if t.Database != "" {
		args = append(args, "--database="+t.Database)
	}
	return args
}

func (t Target) mycliArguments() []string {
	args := []string{"--host=" + t.Host, "--port=" + strconv.Itoa(t.Port)}
	if t.Socket != "" {
		args = []string{"--socket=" + t.Socket}
	}
	if t.Account != "" {
		args = append(args, "--user="+t.Account)
	}
	if t.Database != "" {
		args = append(args, "--database="+t.Database)
	}
	return append(args, "--password=") // or it asks
}

func (t Target) mysqlEnvironment() []string {
	return []string{"MYSQL_HOST=" + t.Host, "MYSQL_TCP_PORT=" + strconv.Itoa(t.Port)}
}

func (t Target) mysqlURL() string {
	u := url.URL{Scheme: "mysql", Host: t.address(), Path: "/" + t.Database}
	if t.Account != "" {
		u.User = url.User(t.Account)
	}
	return u.String()
}

func (t Target) mysqlJDBC() string {
	query := url.Values{"sslMode": {"DISABLED"}}
	if t.Account != "" {
		query.Set("user", t.Account)
	}
	return fmt.Sprintf("jdbc:mysql://%s/%s?%s", t.address(), url.PathEscape(t.Database), query.Encode())
}

// mysqlOptions is the body of a group in an option file.
func (t Target) mysqlOptions() string {
	text := fmt.Sprintf("host=%s\nport=%d\nprotocol=tcp\n", t.Host, t.Port)
	if t.Account != "" {
		text += "user=" + t.Account + "\n"
	}
	if t.Database != "" {
		text += "database=" + t.Database + "\n"
	}
	return text
}
