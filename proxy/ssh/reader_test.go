package ssh

import (
	"strings"
	"testing"
)

func TestCredentialsInCommandLines(t *testing.T) {
	const secret = "Xy7"
	for _, line := range []string{
		"PGPASSWORD=Xy7 psql -h db", "export DB_PASSWORD='Xy7'; run", "MYSQL_PWD=Xy7 mysql", "mysql -u root -pXy7 orders", "mysqldump -pXy7",
		"/usr/bin/mysql -p'Xy7 Xy7'", "tool --password=Xy7", "tool --password Xy7 next", "tool --db-password \"Xy7\"", "sshpass -p Xy7 ssh host",
		"sshpass -pXy7 ssh host", "redis-cli -a Xy7 ping", "curl -u me:Xy7 https://x", "curl -H 'Authorization: Bearer Xy7' https://x",
		"psql postgres://me:Xy7@db/orders", "git clone https://me:Xy7@host/repo", "AWS_SECRET_ACCESS_KEY=Xy7 aws s3 ls", "vault login -token=Xy7",
		"cd /tmp && API_TOKEN=Xy7 ./run", "true; mysql -pXy7", "echo $(mysql -pXy7)", "sudo mysql -pXy7", "docker login -p Xy7 -u me", "kinit --passwd=Xy7",
		"ldapsearch -w Xy7 -x", "zip -P Xy7 a.zip a", "env PASSWORD=Xy7 run", "PASSWORD=\"Xy7",
	} {
		if !(reader{}).MayHoldCredential([]byte(line)) {
			t.Errorf("%s: may hold none", line)
		}
		left := []byte(line)
		for _, s := range (reader{}).Credentials([]byte(line)) {
			copy(left[s.Start:s.End], strings.Repeat("*", s.End-s.Start))
		}
		if strings.Contains(string(left), secret) {
			t.Errorf("%s: left %s", line, left)
		}
	}
	for _, line := range []string{"ls -l /tmp", "mysql -p orders", "cp -p a b", "ssh -p 22 host", "passwd alice", "cat /etc/passwd", "grep -a x y",
		"tool --password-file=/run/x", "git log --author=me", "https://host/a@b", "mkdir -p /srv/x", "echo a=b"} {
		if spans := (reader{}).Credentials([]byte(line)); len(spans) != 0 {
			t.Errorf("%s: %v", line, spans)
		}
	}
}

// FuzzReader wants spans and marks that lie in the text, in order, and apart.
func FuzzReader(f *testing.F) {
	f.Add("PGPASSWORD=x psql 'a b' \"c\\\"d\" | mysql -pfoo; curl -u a:b https://u:p@h/")
	f.Fuzz(func(t *testing.T, line string) {
		text := []byte(line)
		end := 0
		for _, s := range (reader{}).Credentials(text) {
			if s.Start < end || s.End <= s.Start || s.End > len(text) {
				t.Fatalf("%v in %d bytes, behind %d", s, len(text), end)
			}
			end = s.End
		}
		f, marks := (reader{}).Marks(text, nil)
		end = 0
		for _, m := range marks {
			if m.Start < end || m.End < m.Start || m.End > len(text) || m.Slot >= f.Slots {
				t.Fatalf("%v in %d bytes, behind %d", m, len(text), end)
			}
			end = m.End
		}
	})
}
