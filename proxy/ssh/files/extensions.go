package files

import (
	"fmt"
	"strings"
)

// extensions are those that are served, by the name that the server tells of them in its version. The others are taken out of it.
var extensions = map[string]func(*reader) asked{
	"posix-rename@openssh.com":       func(r *reader) asked { return r.writeTwo("rename") },
	"hardlink@openssh.com":           func(r *reader) asked { return r.writeTwo("link") },
	"lsetstat@openssh.com":           (*reader).setAttributes,
	"fsync@openssh.com":              (*reader).sync,
	"statvfs@openssh.com":            func(r *reader) asked { return r.look("statvfs", fxpExtendedReply) },
	"fstatvfs@openssh.com":           (*reader).fileSystem,
	"limits@openssh.com":             func(*reader) asked { return lookUpOf("limits", fxpExtendedReply) },
	"expand-path@openssh.com":        (*reader).expand,
	"copy-data":                      (*reader).copyData,
	"home-directory":                 (*reader).homeDirectory,
	"users-groups-by-id@openssh.com": (*reader).names,
}

func (r *reader) extended() asked {
	name := string(r.string())
	read, served := extensions[name]
	if !served {
		return refuse(fxOpUnsupported, "extension "+quote(clip([]byte(name))), "this extension of SFTP is not served")
	}
	return read(r)
}

// lookUpOf is a look-up that is about no file.
func lookUpOf(text string, answer byte) asked {
	return asked{how: lookUp, op: op(classRead, text), request: request{answer: answer}}
}

func (r *reader) sync() asked {
	f := r.file()
	if f == nil {
		return notOpen(fxpExtended)
	}
	return asked{how: covered, request: request{file: f}}
}

func (r *reader) fileSystem() asked {
	f := r.file()
	if f == nil {
		return notOpen(fxpExtended)
	}
	return asked{how: lookUp, op: f.of(classRead, "fstatvfs"), request: request{answer: fxpExtendedReply}}
}

// expand reads a path that may begin at somebody's home. Of others' homes nobody knows here where they are.
func (r *reader) expand() asked {
	from := r.pos
	given := r.word()
	rest, tilde := strings.CutPrefix(given, "~")
	n := name{abs: given}
	switch {
	case !tilde:
		r.pos = from
		n = r.path()
	case rest == "" || rest[0] == '/':
		if abs, ok := absolute(r.s.home, strings.TrimLeft(rest, "/")); ok {
			n = name{abs, true}
			if climbs(given) {
				r.changes = append(r.changes, change{from, r.pos, abs})
			}
		}
	}
	return r.resolve(n)
}

// copyData copies a part of a file to another at the server. Both were judged as they were opened, and so is what they are used for
// here, since nothing of it is seen.
func (r *reader) copyData() asked {
	from, start, length := r.file(), r.uint64(), r.uint64()
	to := r.file()
	r.uint64()
	if from == nil || to == nil || !from.reads || !to.writes {
		return notOpen(fxpExtended)
	}
	o := op(classWrite, "copy", from.name(), to.name())
	if start != 0 || length != 0 {
		o = o.note("from byte %d, %d bytes", start, length)
	}
	return asked{how: operation, op: o, then: to.content.breakOff}
}

func (r *reader) homeDirectory() asked {
	return lookUpOf("home of "+quote(clip(r.string())), fxpName)
}

// names asks what users and groups are called.
func (r *reader) names() asked {
	users, groups := r.string(), r.string()
	return lookUpOf(fmt.Sprintf("names of %d users and %d groups", len(users)/4, len(groups)/4), fxpExtendedReply)
}
