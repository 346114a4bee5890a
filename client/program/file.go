package program

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Format is a kind of connection file.
type Format struct {
	Name string
	// Protocols whose resources it can hold.
	Protocols []string
	// File is where the program looks for it, below the person's home directory; empty: the person says where.
	File string
	// Merge puts the targets into the content that is there (empty: no file yet) and leaves all else as it is.
	Merge func(content []byte, targets []Target) ([]byte, error)
	// Print gives the targets alone, to look at.
	Print func(targets []Target) ([]byte, error)
}

// Formats lists what connection files can be written.
func Formats() []Format {
	return []Format{
		sectioned("psql-service", ".pg_service.conf", "postgres", "", Target.service),
		sectioned("mysql-options", ".my.cnf", "mysql", "client", Target.mysqlOptions),
		{Name: "dbeaver", Protocols: []string{"postgres", "mysql"}, Merge: mergeDataSources,
			Print: func(targets []Target) ([]byte, error) { return mergeDataSources(nil, targets) }},
		{Name: "jdbc", Protocols: []string{"postgres", "mysql"}, Print: printJDBC},
	}
}

// FormatNamed gives the format of that name.
func FormatNamed(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
		names = append(names, f.Name)
	}
	return Format{}, fmt.Errorf("--for is one of %s, not %q", strings.Join(names, ", "), name)
}

// Write puts the targets into the file at path, whose former content stays beside it as path.sally-backup. It says
// whether anything was changed; the same again changes nothing.
func (f Format) Write(path string, targets []Target) (changed bool, err error) {
	if f.Merge == nil {
		return false, fmt.Errorf("%s has no file; it can only be printed", f.Name)
	}
	before, err := os.ReadFile(path)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("read %s: %w", path, err)
	}
	after, err := f.Merge(before, targets)
	if err != nil {
		return false, fmt.Errorf("add to %s: %w", path, err)
	}
	if bytes.Equal(before, after) && (exists || len(after) == 0) {
		return false, nil
	}
	mode := fs.FileMode(0o600)
	if exists {
		if err := os.WriteFile(path+".sally-backup", before, mode); err != nil {
			return false, fmt.Errorf("keep the former %s: %w", path, err)
		}
		if info, err := os.Stat(path); err == nil {
			mode = info.Mode().Perm()
		}
	} else if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("write %s: %w", path, err)
	}
	return true, replace(path, after, mode)
}

// replace writes the file whole or not at all. A link stays one: people keep such files in a repository.
func replace(path string, content []byte, mode fs.FileMode) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	file, err := os.CreateTemp(filepath.Dir(path), ".sally-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already once it was renamed
	_, err = file.Write(content)
	if err == nil {
		err = os.Chmod(file.Name(), mode)
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// What is between the marks is ours, and is written anew each time.
const (
	beginMark = "# sally: begin. What is between these lines is written by: sally db config"
	endMark   = "# sally: end"
)

// sectioned is a file of sections, one for each resource, named prefix and the resource's name.
func sectioned(name, file, protocol, prefix string, body func(Target) string) Format {
	merge := func(content []byte, targets []Target) ([]byte, error) {
		return mergeSections(content, sectionsOf(targets, prefix, body))
	}
	return Format{Name: name, File: file, Protocols: []string{protocol}, Merge: merge, Print: func(targets []Target) ([]byte, error) {
		return []byte(writeSections(sectionsOf(targets, prefix, body))), nil
	}}
}

// sections are bodies by their names.
type sections map[string]string

func sectionsOf(targets []Target, prefix string, body func(Target) string) sections {
	s := sections{}
	for _, t := range targets {
		s[prefix+t.Name] = body(t)
	}
	return s
}

// mergeSections puts the new sections into a file of such. The block keeps the sections that it had, as long as they do
// not come anew.
func mergeSections(content []byte, fresh sections) ([]byte, error) {
	text := string(content)
	before, rest, found := strings.Cut(text, beginMark+"\n")
	ours, after := "", ""
	if found {
		var closed bool
		if ours, after, closed = strings.Cut(rest, endMark+"\n"); !closed {
			return nil, fmt.Errorf("the line %q is missing; put it back, or remove the block", endMark)
		}
	}
	all := sections{}
	for _, section := range strings.Split("\n"+ours, "\n[")[1:] {
		if name, body, ok := strings.Cut(section, "]\n"); ok {
			all[name] = strings.TrimRight(body, "\n") + "\n"
		}
	}
	for name, body := range fresh {
		if strings.Contains("\n"+before+"\n"+after, "\n["+name+"]") {
			return nil, fmt.Errorf("it has a section %s of your own already; rename that one", name)
		}
		all[name] = body
	}
	if before != "" && !strings.HasSuffix(before, "\n") {
		before += "\n"
	}
	return []byte(before + beginMark + "\n" + writeSections(all) + endMark + "\n" + after), nil
}

func writeSections(all sections) string {
	var out strings.Builder
	for i, name := range slices.Sorted(maps.Keys(all)) {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "[%s]\n%s", name, all[name])
	}
	return out.String()
}

// service is the body of a section of libpq's connection service file.
func (t Target) service() string {
	var out strings.Builder
	for _, variable := range t.libpq() {
		name, value, _ := strings.Cut(variable, "=")
		name = strings.ToLower(strings.TrimPrefix(name, "PG"))
		if name == "database" {
			name = "dbname"
		}
		fmt.Fprintf(&out, "%s=%s\n", name, value)
	}
	return out.String()
}

func printJDBC(targets []Target) ([]byte, error) {
	var out bytes.Buffer
	for _, t := range targets {
		fmt.Fprintf(&out, "%s  %s\n", t.Name, dialects()[t.Protocol].jdbc(t))
	}
	return out.Bytes(), nil
}

// mergeDataSources puts the targets as connections into DBeaver's .dbeaver/data-sources.json, each under an id of ours.
func mergeDataSources(content []byte, targets []Target) ([]byte, error) {
	file := map[string]any{}
	if len(bytes.TrimSpace(content)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(content))
		decoder.UseNumber()
		if err := decoder.Decode(&file); err != nil {
			return nil, fmt.Errorf("this is no file of DBeaver's: %w", err)
		}
	}
	folders, connections := member(file, "folders"), member(file, "connections")
	if _, there := folders["Sallyport"]; !there {
		folders["Sallyport"] = map[string]any{}
	}
	for _, t := range targets {
		d := dialects()[t.Protocol]
		connections["sallyport-"+t.Name] = map[string]any{
			"provider": d.dbeaver[0], "driver": d.dbeaver[1], "name": t.Name, "folder": "Sallyport", "save-password": true,
			"configuration": map[string]any{
				"host": t.Host, "port": fmt.Sprint(t.Port), "database": t.Database, "user": t.Account, "url": d.jdbc(t),
				"configurationType": "MANUAL", "type": "dev", "auth-model": "native",
			},
		}
	}
	after, err := json.MarshalIndent(file, "", "\t")
	return append(after, '\n'), err
}

// member gives an object's member, which is made where it is missing.
func member(object map[string]any, name string) map[string]any {
	if inner, ok := object[name].(map[string]any); ok {
		return inner
	}
	inner := map[string]any{}
	object[name] = inner
	return inner
}
