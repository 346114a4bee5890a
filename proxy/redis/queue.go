package redis

import "github.com/sallyport/sallyport/proxy"

// awaitKind says what the answer means that is awaited.
type awaitKind uint8

const (
	awaitPlain   awaitKind = iota // nothing but itself
	awaitRefused                  // the client reads another in its place: the store got a stand-in
	awaitSilent                   // the client hears nothing of it: the command was the gateway's own
	awaitSelect
	awaitHello
	awaitMonitor
	awaitReset
	awaitSubscribe // a confirmation for each channel
	awaitTopology  // it names nodes
)

// untold is the number of answers that is only known when the first is there.
const untold = -1

// awaited is a record whose commands are not all answered yet, or a command of the gateway's own.
type awaited struct {
	kind        awaitKind
	recorded    bool
	transaction bool // the last of its answers is that of EXEC
	form        topologyAnswer
	change      change // of subscriptions
	number      int    // of SELECT's database or HELLO's version
	count       int    // commands
	replies     int    // answers still to come; untold
	errors      int    // among those that came
	maxRows     int64  // that one answer may have; 0: any number
	op          proxy.Op
	result      proxy.Result // gathered while the answers pass
	instead     []byte       // of awaitRefused, for each answer
}

// queue holds what is awaited in the order sent. Its ring is reused, so that a warm relay allocates nothing.
type queue struct {
	ring  []awaited // its length is a power of two
	first int
	count int
}

// maxKeptRing is how long an empty ring may be that is kept.
const maxKeptRing = 256

// push adds an entry.
func (q *queue) push(e *awaited) {
	switch {
	case q.count == len(q.ring):
		q.grow()
	case q.count == 0 && len(q.ring) > maxKeptRing:
		q.ring, q.first = make([]awaited, maxKeptRing), 0
	}
	q.ring[(q.first+q.count)&(len(q.ring)-1)] = *e
	q.count++
}

func (q *queue) grow() {
	ring := make([]awaited, max(8, 2*len(q.ring)))
	for i := range q.count {
		ring[i] = q.ring[(q.first+i)&(len(q.ring)-1)]
	}
	q.ring, q.first = ring, 0
}

// head is what is answered next; nil when nothing is awaited.
func (q *queue) head() *awaited {
	if q.count == 0 {
		return nil
	}
	return &q.ring[q.first]
}

// pop removes the head. It stays readable until the next push.
func (q *queue) pop() *awaited {
	e := &q.ring[q.first]
	q.first = (q.first + 1) & (len(q.ring) - 1)
	q.count--
	return e
}
