package postgres

import (
	"container/list"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// scramCacheSize is the number of logins whose keys are remembered.
const scramCacheSize = 1024

// cacheKey names a password with its salt and iterations, under a key that only this cache knows.
type cacheKey [sha256.Size]byte

// scramCache remembers the keys that logins derived, because deriving them is most of what a connect costs. It holds
// no password in any form that could be read back: its keys are HMACs under a random key of this process. A nil
// cache remembers nothing. Safe for concurrent use.
type scramCache struct {
	secret [sha256.Size]byte

	mu      sync.Mutex
	entries map[cacheKey]*list.Element
	recent  *list.List // of *cacheEntry, the last used first
}

type cacheEntry struct {
	key  cacheKey
	keys scramKeys
}

func newSCRAMCache() *scramCache {
	c := &scramCache{entries: make(map[cacheKey]*list.Element), recent: list.New()}
	rand.Read(c.secret[:]) // never fails
	return c
}

func (c *scramCache) key(password string, salt []byte, iterations int) (k cacheKey) {
	if c == nil {
		return k
	}
	mac := hmac.New(sha256.New, c.secret[:])
	var lengths [16]byte
	binary.BigEndian.PutUint64(lengths[:], uint64(len(password)))
	binary.BigEndian.PutUint64(lengths[8:], uint64(iterations))
	mac.Write(lengths[:])
	mac.Write([]byte(password))
	mac.Write(salt)
	mac.Sum(k[:0])
	return k
}

func (c *scramCache) get(k cacheKey) (scramKeys, bool) {
	if c == nil {
		return scramKeys{}, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	element, ok := c.entries[k]
	if !ok {
		return scramKeys{}, false
	}
	c.recent.MoveToFront(element)
	return element.Value.(*cacheEntry).keys, true
}

func (c *scramCache) put(k cacheKey, keys scramKeys) {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if element, ok := c.entries[k]; ok {
		c.recent.MoveToFront(element)
		return
	}
	if c.recent.Len() >= scramCacheSize {
		oldest := c.recent.Back()
		delete(c.entries, oldest.Value.(*cacheEntry).key)
		c.recent.Remove(oldest)
	}
	c.entries[k] = c.recent.PushFront(&cacheEntry{key: k, keys: keys})
}
