package files

import (
	"encoding/binary"
	"fmt"
	"path"
)

// request reads what a request of the type asks for. The caller sees whether the packet was well-formed. s.mu is held.
func (r *reader) request(kind byte) asked {
	switch kind {
	case fxpOpen:
		return r.open()
	case fxpOpendir:
		return r.openDirectory()
	case fxpClose, fxpRead, fxpWrite, fxpReaddir, fxpFstat, fxpFsetstat:
		return r.byHandle(kind)
	case fxpLstat:
		return r.look("lstat", fxpAttrs)
	case fxpStat:
		a := r.look("stat", fxpAttrs)
		if a.op.Understood {
			a.request.file = r.s.reading[a.op.Paths[0]]
		}
		return a
	case fxpRealpath:
		return r.resolve(r.path())
	case fxpReadlink:
		return asked{how: operation, op: op(classRead, "readlink", r.path()), request: request{answer: fxpName}}
	case fxpSetstat:
		return r.setAttributes()
	case fxpRemove:
		return r.write("remove")
	case fxpMkdir:
		return r.makeDirectory()
	case fxpRmdir:
		return r.write("rmdir")
	case fxpRename:
		return r.writeTwo("rename")
	case fxpSymlink:
		return r.symlink()
	case fxpExtended:
		return r.extended()
	}
	return refuse(fxOpUnsupported, fmt.Sprintf("request of type %d", kind), "this request is not served")
}

// look is a look-up by path.
func (r *reader) look(verb string, answer byte) asked {
	return asked{how: lookUp, op: op(classRead, verb, r.path()), request: request{answer: answer}}
}

// resolve asks what a path stands for. By the home directory no path is touched: every client asks where it begins, and goes no further
// where that is refused.
func (r *reader) resolve(n name) asked {
	o := op(classRead, "realpath", n)
	if n.ok && n.abs == r.s.home {
		o.Paths = nil
	}
	return asked{how: lookUp, op: o, request: request{answer: fxpName}}
}

// write is an operation that changes what one path names.
func (r *reader) write(verb string) asked {
	return asked{how: operation, op: op(classWrite, verb, r.path())}
}

// writeTwo is an operation that changes what two paths name.
func (r *reader) writeTwo(verb string) asked {
	from := r.path()
	return asked{how: operation, op: op(classWrite, verb, from, r.path())}
}

const tooMany = "too many files are open in this channel; close some first"

func (r *reader) open() asked {
	n, pflags, attrs := r.path(), r.uint32(), r.attributes()
	switch {
	case pflags&^fxfKnown != 0:
		r.bad = true
	case len(r.s.files)+r.s.opening >= maxOpen:
		return refuse(fxFailure, "open "+quote(n.abs), tooMany)
	}
	f := newFile(&r.s.early, pflags)
	f.path = n.abs
	a := asked{how: operation, op: op(classRead, "get", n), request: request{answer: fxpHandle, file: f}}
	if f.writes {
		a.op = op(classWrite, "put", n)
		if a.reads = f.reads; a.reads {
			a.op = a.op.note("and read")
		}
	}
	if attrs.flags&attrPermissions != 0 && f.writes {
		a.op = a.op.note("mode %s", attrs.mode())
	}
	f.understood, f.paths = a.op.Understood, a.op.Paths
	return a
}

func (r *reader) openDirectory() asked {
	n := r.path()
	if len(r.s.files)+r.s.opening >= maxOpen {
		return refuse(fxFailure, "list "+quote(n.abs), tooMany)
	}
	a := asked{how: operation, op: op(classRead, "list", n)}
	a.request = request{answer: fxpHandle, file: &file{path: n.abs, paths: a.op.Paths, understood: a.op.Understood, directory: true}}
	return a
}

// file reads a handle; nil: it is not of a file that is open here.
func (r *reader) file() *file { return r.s.files[string(r.string())] }

// of is an operation on an open file.
func (f *file) of(class, verb string) Op {
	return Op{Command: "sftp", Class: class, Text: verb + " " + quote(f.path), Paths: f.paths, Understood: f.understood}
}

// name is the open file's own.
func (f *file) name() name { return name{f.path, f.understood} }

func notOpen(kind byte) asked {
	return refuse(fxFailure, fmt.Sprintf("request of type %d", kind), "this request is about a file that is not open, or not open for this")
}

func (r *reader) byHandle(kind byte) asked {
	f := r.file()
	if f == nil {
		return notOpen(kind)
	}
	a := asked{how: covered, request: request{file: f}}
	switch kind {
	case fxpRead:
		at := r.pos + 8
		a.request.offset, a.request.answer = r.uint64(), fxpData
		if r.uint32() > maxRead {
			binary.BigEndian.PutUint32(r.b[at:], maxRead)
		}
		if !f.reads {
			return notOpen(kind)
		}
	case fxpWrite:
		r.uint64()
		r.string()
		if !f.writes {
			return notOpen(kind)
		}
	case fxpReaddir:
		a.request.answer = fxpName
		if !f.directory {
			return notOpen(kind)
		}
	case fxpFstat:
		a.how, a.op, a.request.answer = lookUp, f.of(classRead, "fstat"), fxpAttrs
	case fxpFsetstat:
		attrs := r.attributes()
		a.how, a.op = operation, f.of(classWrite, attrs.change())
		if attrs.flags&attrSize != 0 && f.content != nil {
			a.request.sized, a.then = true, func() { f.resize(attrs.size) }
		}
	}
	return a
}

func (r *reader) setAttributes() asked {
	n, attrs := r.path(), r.attributes()
	return asked{how: operation, op: op(classWrite, attrs.change(), n)}
}

func (r *reader) makeDirectory() asked {
	a := r.write("mkdir")
	if attrs := r.attributes(); attrs.flags&attrPermissions != 0 {
		a.op = a.op.note("mode %s", attrs.mode())
	}
	return a
}

// symlink reads OpenSSH's order, which is not the draft's: what the link says, and then the link. The link may say what it likes, so its
// words go on as they are; but what it leads to is judged, too.
func (r *reader) symlink() asked {
	target := r.word()
	link := r.path()
	leads := name{abs: target}
	if link.ok {
		if abs, ok := absolute(path.Dir(link.abs), target); ok {
			leads = name{abs, true}
		}
	}
	o := Op{Command: "sftp", Class: classWrite, Text: "symlink " + quote(target) + " " + quote(link.abs), Understood: true}
	o.name(link)
	o.name(leads)
	return asked{how: operation, op: o}
}
