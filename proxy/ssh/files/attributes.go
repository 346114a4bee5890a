package files

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// attributes are what a request says of a file besides its name.
type attributes struct {
	flags       uint32
	size        uint64
	owner       uint32
	group       uint32
	permissions uint32
	modified    uint32
}

func (f *fields) attributes() (a attributes) {
	a.flags = f.uint32()
	if a.flags&^attrKnown != 0 {
		f.bad = true // what follows cannot be told
		return a
	}
	if a.flags&attrSize != 0 {
		a.size = f.uint64()
	}
	if a.flags&attrOwner != 0 {
		a.owner, a.group = f.uint32(), f.uint32()
	}
	if a.flags&attrPermissions != 0 {
		a.permissions = f.uint32()
	}
	if a.flags&attrTimes != 0 {
		_, a.modified = f.uint32(), f.uint32()
	}
	if a.flags&attrExtended != 0 {
		for n := f.uint32(); n > 0 && !f.bad; n-- {
			f.string()
			f.string()
		}
	}
	return a
}

// change is what setting the attributes does, such as "chmod 0644".
func (a *attributes) change() string {
	var parts []string
	if a.flags&attrSize != 0 {
		parts = append(parts, "truncate "+strconv.FormatUint(a.size, 10))
	}
	if a.flags&attrOwner != 0 {
		parts = append(parts, fmt.Sprintf("chown %d:%d", a.owner, a.group))
	}
	if a.flags&attrPermissions != 0 {
		parts = append(parts, "chmod "+a.mode())
	}
	if a.flags&attrTimes != 0 {
		parts = append(parts, "touch "+time.Unix(int64(a.modified), 0).UTC().Format(time.RFC3339))
	}
	if a.flags&attrExtended != 0 || len(parts) == 0 {
		parts = append(parts, "setstat")
	}
	return strings.Join(parts, ", ")
}

// mode is the permissions as chmod takes them.
func (a *attributes) mode() string { return fmt.Sprintf("%04o", a.permissions&0o7777) }
