package segment

import (
	"container/list"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// largestPage bounds a page's body, in bytes.
const largestPage = 1 << 30

// Cache holds decoded columns of all segments that were opened with it, up to a number of bytes. It is safe for
// concurrent use.
type Cache struct {
	mu      sync.Mutex
	limit   int64
	size    int64
	entries map[cacheKey]*list.Element
	recent  list.List // of *cached, the last used first
	next    uint64
	decoder *zstd.Decoder
}

// cacheKey names something of a segment: a block's column, a row group's dictionary, or a field's sums.
type cacheKey struct {
	segment uint64
	what    uint8
	column  uint8
	number  int
}

const (
	cachedColumn = iota
	cachedDictionary
	cachedSums
	cachedPages
)

type cached struct {
	key   cacheKey
	value any
	size  int64
}

// NewCache is an empty cache of so many bytes.
func NewCache(bytes int64) *Cache {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(largestPage))
	if err != nil {
		panic("segment: " + err.Error()) // the options are wrong
	}
	return &Cache{limit: bytes, entries: map[cacheKey]*list.Element{}, decoder: decoder}
}

// open gives a segment its number.
func (c *Cache) open() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	return c.next
}

func (c *Cache) get(key cacheKey) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	c.recent.MoveToFront(e)
	return e.Value.(*cached).value, true
}

// put keeps a value, and lets go of those that were not used for longest.
func (c *Cache) put(key cacheKey, value any, size int) {
	const overhead = 200
	entry := &cached{key, value, int64(size) + overhead}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, twice := c.entries[key]; twice || entry.size > c.limit {
		return
	}
	c.entries[key] = c.recent.PushFront(entry)
	c.size += entry.size
	for c.size > c.limit {
		c.drop(c.recent.Back())
	}
}

func (c *Cache) drop(e *list.Element) {
	entry := c.recent.Remove(e).(*cached)
	delete(c.entries, entry.key)
	c.size -= entry.size
}

// forget lets go of all that belongs to a segment.
func (c *Cache) forget(segment uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.recent.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).key.segment == segment {
			c.drop(e)
		}
		e = next
	}
}
