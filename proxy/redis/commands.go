package redis

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/proxy/sqltext"
)

//go:generate sh -c "go run ../../test/rediscommands > commands.txt"

// The tables of commands, a line each: NAME or NAME|SUBCOMMAND, its class, words that are explained at command, and
// where its keys stand, as keySpec says. commands.txt is generated from what a server tells of its commands.
var (
	//go:embed commands.txt
	generatedCommands string
	//go:embed commands_more.txt
	moreCommands string
)

// command is what is known of one of the store's commands.
type command struct {
	name  string // upper-case; NAME|SUBCOMMAND
	class string
	keys  []keySpec
	// first says that the first argument is its only key, which most commands have.
	first bool
	// veiled says that it touches, or may touch, keys that its arguments do not name.
	veiled bool
	// whole says that it takes everything away.
	whole bool
	// alone says that it is a record of its own, because it may take long or because its handling differs.
	alone bool
	// channels says which arguments name channels of publish and subscribe.
	channels whichChannels
	// fields says which arguments name fields of the hash that is its key.
	fields whichFields
	// find, where it is set, finds keys in place of the specs.
	find findKeys
	rank rank
	care care
	form topologyAnswer
	hash uint64 // of its name
	subs map[string]*command
}

// keySpec says where keys stand. It begins at an index, or behind each word that is found from an index on. From there on,
// keys are every step-th argument up to last (counted from the beginning; negative: from the command's end, limit
// dividing what is left), or, where numbered, as many as an argument there says.
type keySpec struct {
	word     string // upper-case; empty: at is the index
	at       int    // negative: from the command's end, backwards
	numbered bool
	last     int // numbered: where, from the beginning, their number stands
	step     int // numbered: where, from the beginning, the first stands
	limit    int // numbered: the step
}

// whichChannels says which arguments name channels.
type whichChannels uint8

// The places of channels.
const (
	noChannels whichChannels = iota
	oneChannel
	allChannels
)

// channels are the commands that name some. Those of PSUBSCRIBE are patterns, so that it may mean any.
var channels = map[string]whichChannels{"PUBLISH": oneChannel, "SPUBLISH": oneChannel, "SUBSCRIBE": allChannels, "SSUBSCRIBE": allChannels,
	"PSUBSCRIBE": allChannels, "UNSUBSCRIBE": allChannels, "SUNSUBSCRIBE": allChannels, "PUNSUBSCRIBE": allChannels}

// whichFields says which arguments name fields of a hash. Where a command of keys names none, it means all.
type whichFields uint8

// The places of fields.
const (
	allFields   whichFields = iota
	oneField                // behind the key
	everyField              // all arguments behind the key
	everySecond             // each followed by its value
)

// fields are the commands that name some.
var fields = map[string]whichFields{"HGET": oneField, "HEXISTS": oneField, "HSTRLEN": oneField, "HSETNX": oneField, "HINCRBY": oneField,
	"HINCRBYFLOAT": oneField, "HMGET": everyField, "HDEL": everyField, "HSET": everySecond, "HMSET": everySecond}

// rank orders the classes by how much they matter to a reader of the record.
type rank uint8

// classes are all, by rank: sqltext.Class has the same order.
var classes = [...]string{sqltext.Transaction, sqltext.Session, sqltext.Read, sqltext.Other, sqltext.Write, sqltext.DDL, sqltext.Admin}

func rankOf(class string) rank {
	i := slices.Index(classes[:], class)
	if i < 0 {
		panic("redis: no class " + class)
	}
	return rank(i)
}

// care says what the relay does about a command besides passing it on.
type care uint8

// What needs care.
const (
	careNone care = iota
	careAuth
	careHello
	careSelect
	careMulti
	careExec
	careDiscard
	careSubscribe
	careUnsubscribe
	careReset
	careQuit
	careMonitor
	careReply
	careReplicate
	careCrossProtocol
)

// endsTransaction says whether the command ends one, by what is queued or by leaving.
func (c *command) endsTransaction() bool {
	return c.care == careExec || c.care == careDiscard || c.care == careReset || c.care == careQuit
}

// cares are the commands that need some, and what each does.
var cares = map[string]care{
	"AUTH": careAuth, "HELLO": careHello, "SELECT": careSelect, "MULTI": careMulti, "EXEC": careExec, "DISCARD": careDiscard,
	"SUBSCRIBE": careSubscribe, "PSUBSCRIBE": careSubscribe, "SSUBSCRIBE": careSubscribe,
	"UNSUBSCRIBE": careUnsubscribe, "PUNSUBSCRIBE": careUnsubscribe, "SUNSUBSCRIBE": careUnsubscribe,
	"RESET": careReset, "QUIT": careQuit, "MONITOR": careMonitor, "CLIENT|REPLY": careReply,
	"SYNC": careReplicate, "PSYNC": careReplicate, "REPLCONF": careReplicate, "POST": careCrossProtocol, "HOST:": careCrossProtocol,
}

// forms are the commands whose answers name nodes.
var forms = map[string]topologyAnswer{
	"CLUSTER|SLOTS": namesSlots, "CLUSTER|SHARDS": namesShards, "CLUSTER|NODES": namesNodes,
	"CLUSTER|REPLICAS": namesReplicas, "CLUSTER|SLAVES": namesReplicas,
}

// unknownCommand stands for all that are not known: they may do anything.
var unknownCommand = &command{name: "unknown", class: sqltext.Other, rank: rankOf(sqltext.Other), veiled: true}

// finders are the commands whose keys no spec can find.
var finders = map[string]findKeys{"XREAD": streamKeys, "XREADGROUP": streamKeys, "SORT": sortKeys, "SORT_RO": sortKeys}

// commands are all that are known, by name.
var commands = readCommands(generatedCommands + "\n" + moreCommands + "\nPOST other veiled\nHOST: other veiled\n")

// maxName is the length of the longest name of a command that is known.
const maxName = 24

// commandTable finds commands by their names without regard to case. Its size is a power of two.
type commandTable [2048]*command

// lookUp gives the command that the arguments mean.
func (t *commandTable) lookUp(a *args) *command {
	c := t.find(a.get(0))
	if c == nil {
		return unknownCommand
	}
	if c.subs == nil {
		return c
	}
	if a.count() > 1 && len(a.get(1)) <= maxName {
		var upper [maxName]byte
		if sub := c.subs[string(upperCase(upper[:0], a.get(1)))]; sub != nil {
			return sub.asUsed(a)
		}
	}
	return c
}

// trackAll is CLIENT TRACKING where it tells of changes to keys that the client has not read.
var trackAll = &command{name: "CLIENT|TRACKING", class: sqltext.Read, rank: rankOf(sqltext.Read), veiled: true, hash: hashName([]byte("CLIENT|TRACKING"))}

// asUsed is the subcommand with these arguments: one of them may make it another.
func (c *command) asUsed(a *args) *command {
	if c.name == trackAll.name {
		for i := range a.at {
			if a.is(i, "BCAST") {
				return trackAll
			}
		}
	}
	return c
}

func (t *commandTable) find(name []byte) *command {
	if len(name) > maxName {
		return nil
	}
	for i := hashName(name); ; i++ {
		c := t[i%uint64(len(t))]
		if c == nil || equalFold(name, c.name) {
			return c
		}
	}
}

func (t *commandTable) add(c *command) {
	i := hashName([]byte(c.name))
	for ; t[i%uint64(len(t))] != nil; i++ {
		if t[i%uint64(len(t))].name == c.name {
			panic("redis: two commands " + c.name)
		}
	}
	t[i%uint64(len(t))] = c
}

// hashName is FNV-1a of the name in one case.
func hashName(name []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range name {
		h = (h ^ uint64(c|0x20)) * 1099511628211
	}
	return h ^ h>>32
}

func upperCase(to, name []byte) []byte {
	for _, c := range name {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// readCommands reads the tables. They are part of the program: a mistake in them is one of its own.
func readCommands(tables string) *commandTable {
	t := &commandTable{}
	for line := range strings.Lines(tables) {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		c := readCommand(words)
		container, sub, isSub := strings.Cut(c.name, "|")
		if !isSub {
			t.add(c)
			continue
		}
		if t.find([]byte(container)) == nil {
			t.add(&command{name: container, class: sqltext.Other, rank: unknownCommand.rank, veiled: true, hash: hashName([]byte(container)),
				subs: map[string]*command{}})
		}
		t.find([]byte(container)).subs[sub] = c
	}
	return t
}

func readCommand(words []string) *command {
	name := words[0]
	c := &command{name: name, class: words[1], rank: rankOf(words[1]), care: cares[name], form: forms[name], channels: channels[name],
		fields: fields[name], find: finders[name], hash: hashName([]byte(name))}
	for _, word := range words[2:] {
		switch word {
		case "blocking":
			c.alone = true
		case "veiled":
			c.veiled = true
		case "whole":
			c.whole = true
		default:
			c.keys = append(c.keys, readKeySpec(word))
		}
	}
	c.veiled = c.veiled || name == "PSUBSCRIBE"
	c.first = c.find == nil && len(c.keys) == 1 && c.keys[0] == keySpec{at: 1, step: 1}
	c.alone = c.alone || c.care != careNone || c.form != namesNoNodes || c.class == sqltext.Admin
	return c
}

func readKeySpec(word string) keySpec {
	kind, rest, _ := strings.Cut(word, "=")
	parts := strings.Split(rest, ",")
	if len(parts) != 4 || kind != "key" && kind != "num" {
		panic(fmt.Sprintf("redis: %q is no place of keys", word))
	}
	s := keySpec{numbered: kind == "num"}
	begin := parts[0]
	if i := strings.IndexAny(begin, "+-"); i > 0 {
		s.word, begin = begin[:i], begin[i:]
	}
	for i, to := range []*int{&s.at, &s.last, &s.step, &s.limit} {
		text := parts[i]
		if i == 0 {
			text = begin
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			panic(fmt.Sprintf("redis: %q is no place of keys", word))
		}
		*to = n
	}
	return s
}
