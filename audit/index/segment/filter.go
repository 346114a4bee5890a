package segment

import (
	"encoding/binary"
	"hash/crc32"
	"hash/maphash"
	"math/bits"
	"unicode/utf8"

	"github.com/sallyport/sallyport/audit/query"
)

// The filter says which blocks may hold a text or a field's value. It is a Bloom filter with one hash a key, turned on
// its side: for each of its positions it holds one bit a block, so that a key of a search is one short read, which
// judges all blocks of a group, and the answer is what the keys' rows have in common. One hash is enough, because what
// is searched for has several keys:
//
//   - every four bytes in a row of a folded text, but for those with a decimal digit within a word of hexadecimal digits
//     alone: a block's random identifiers have nearly all of these, and fill the filter without telling anything;
//   - of every six bytes in a row of an identifier, a number or an address (letters, digits, _ - . @) with a decimal digit
//     among them: their grams are all common, and these tell them apart;
//   - words, which are runs of ASCII letters, digits and underscores: a short one whole, a longer one by its first six
//     and its last six bytes;
//   - values of fields, folded, and the short forms that people may type.
//
// Bytes beyond ASCII belong to no word here, whatever they are: a word in the language of searches is bounded by
// something that is no ASCII letter, digit or underscore either way.

const (
	filterBits   = 1 << 19 // positions while a block is added; halved as long as the filter stays sparse
	leastBits    = 1 << 10
	filterGroup  = 512 // blocks that one row judges
	fullest      = 0.30
	gramBytes    = 4
	partBytes    = 6
	wordEnd      = 6 // bytes of a longer word's beginning and end
	filterPage   = 4096
	checksumSize = 4
	maxKeys      = 48 // of one needle: more tell nothing new
)

const (
	isWordByte = 1 << iota
	isHexByte
	isDigitByte
	isPartByte // of an identifier, a number or an address
)

var byteClasses = func() (classes [256]uint8) {
	for c := range classes {
		switch b := byte(c); {
		case b-'0' <= 9:
			classes[c] = isWordByte | isHexByte | isDigitByte | isPartByte
		case b-'a' <= 'f'-'a':
			classes[c] = isWordByte | isHexByte | isPartByte
		case b-'a' <= 'z'-'a' || b == '_' || b-'A' <= 'Z'-'A':
			classes[c] = isWordByte | isPartByte
		case b == '-', b == '.', b == '@':
			classes[c] = isPartByte
		}
	}
	return classes
}()

// key is a hash; a filter of n positions, a power of two, takes its last bits.
type key uint32

func gramKey(gram uint32) key { return mix(uint64(gram)) }

func mix(v uint64) key {
	high, low := bits.Mul64(v^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return key(high ^ low)
}

const (
	wholeWord = 1 + iota
	wordBeginning
	wordEnding
	identifierPart
)

func wordPart(part []byte, what uint64) key {
	v := what << 56
	for i, c := range part {
		v |= uint64(c) << (8 * i)
	}
	return mix(v)
}

// valueKey is a field's value's, folded.
func valueKey(f query.Field, folded []byte) key {
	h := uint64(f) + 0x51ed270b
	for ; len(folded) >= 8; folded = folded[8:] {
		h = fold64(h, binary.LittleEndian.Uint64(folded))
	}
	var rest [8]byte
	n := copy(rest[:], folded)
	h = fold64(h, binary.LittleEndian.Uint64(rest[:]))
	return mix(h + uint64(n))
}

func fold64(h, v uint64) uint64 {
	high, low := bits.Mul64(h^v^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	return high ^ low
}

// blockFilter gathers the keys of one block.
type blockFilter struct {
	positions []uint64 // filterBits bits
	folded    []byte
	seen      []uint64 // hashes of texts whose keys are in already
	seed      maphash.Seed
}

func newBlockFilter() *blockFilter {
	return &blockFilter{seen: make([]uint64, 4*BlockRows), seed: maphash.MakeSeed()}
}

func (f *blockFilter) begin() {
	f.positions = make([]uint64, filterBits/64)
	clear(f.seen)
}

func (f *blockFilter) set(k key) { f.positions[k%filterBits/64] |= 1 << (k % 64) }

// again says whether a text was added before. It forgets when many were.
func (f *blockFilter) again(text []byte) bool {
	h := maphash.Bytes(f.seed, text) | 1
	slot := &f.seen[(h>>1)%uint64(len(f.seen))]
	if *slot == h {
		return true
	}
	*slot = h
	return false
}

// addText adds the keys of a text.
func (f *blockFilter) addText(text []byte) {
	if f.again(text) {
		return
	}
	f.folded = foldText(f.folded[:0], text)
	var gram uint32
	word := 0 // where the word at hand begins
	for i, c := range f.folded {
		gram = gram>>8 | uint32(c)<<24
		if byteClasses[c]&isWordByte == 0 {
			f.addWord(f.folded[word:i])
			word = i + 1
		}
		if i >= gramBytes-1 && i-word < gramBytes-1 { // not within a word
			f.set(gramKey(gram))
		}
	}
	f.addWord(f.folded[word:])
	eachPart(f.folded, f.set)
}

// eachPart calls add with the keys of the parts of identifiers in a folded text. What is a part depends on its own bytes
// alone, so that a needle has the same ones.
func eachPart(folded []byte, add func(key)) {
	run, digit := 0, -partBytes
	for i, c := range folded {
		class := byteClasses[c]
		if class&isPartByte == 0 {
			run = 0
			continue
		}
		if class&isDigitByte != 0 {
			digit = i
		}
		if run++; run < partBytes || i-digit >= partBytes {
			continue
		}
		add(wordPart(folded[i+1-partBytes:i+1], identifierPart))
	}
}

// addWord adds the keys of a word and of what is within it.
func (f *blockFilter) addWord(word []byte) {
	if len(word) == 0 {
		return
	}
	if len(word) < wordEnd {
		f.set(wordPart(word, wholeWord))
	} else {
		f.set(wordPart(word[:wordEnd], wordBeginning))
		f.set(wordPart(word[len(word)-wordEnd:], wordEnding))
	}
	random := isHexWord(word)
	var gram uint32
	digit := -gramBytes
	for i, c := range word {
		gram = gram>>8 | uint32(c)<<24
		if byteClasses[c]&isDigitByte != 0 {
			digit = i
		}
		if i >= gramBytes-1 && (!random || i-digit >= gramBytes) {
			f.set(gramKey(gram))
		}
	}
}

func isHexWord(word []byte) bool {
	all := uint8(isHexByte)
	for _, c := range word {
		all &= byteClasses[c]
	}
	return all != 0
}

func foldText(dst, text []byte) []byte {
	folded := query.FoldASCII(dst, text)
	for _, c := range folded[len(dst):] {
		if c >= utf8.RuneSelf {
			return query.Fold(dst, text)
		}
	}
	return folded
}

// needleKeys are the keys that each block with a text that holds the needle has; none when the needle is too short.
// start and end say that no word goes on before, or after, the needle.
func needleKeys(needle []byte, start, end bool) []key {
	var keys []key
	for word := 0; word <= len(needle); {
		to := word
		for to < len(needle) && byteClasses[needle[to]]&isWordByte != 0 {
			to++
		}
		begins, ends := word > 0 || start, to < len(needle) || end
		part := needle[word:to]
		keys = appendGrams(keys, needle, word, to)
		switch {
		case len(part) == 0:
		case len(part) >= wordEnd:
			if begins {
				keys = append(keys, wordPart(part[:wordEnd], wordBeginning))
			}
			if ends {
				keys = append(keys, wordPart(part[len(part)-wordEnd:], wordEnding))
			}
		case begins && ends:
			keys = append(keys, wordPart(part, wholeWord))
		}
		word = to + 1
	}
	eachPart(needle, func(k key) { keys = append(keys, k) })
	return keys[:min(len(keys), maxKeys)]
}

// appendGrams adds what is known of the grams that end within needle[word:to], which is a part of a word, or right
// after it.
func appendGrams(keys []key, needle []byte, word, to int) []key {
	random := isHexWord(needle[word:to]) // perhaps; the word may go on beyond the needle
	for end := word + 1; end <= min(to+1, len(needle)); end++ {
		start := end - gramBytes
		if start < 0 {
			continue
		}
		within := start >= word && end <= to
		if within && random && hasDigit(needle[start:end]) {
			continue
		}
		keys = append(keys, gramKey(binary.LittleEndian.Uint32(needle[start:end])))
	}
	return keys
}

func hasDigit(gram []byte) bool {
	for _, c := range gram {
		if byteClasses[c]&isDigitByte != 0 {
			return true
		}
	}
	return false
}

// transposed is the filter of a group of blocks as the file has it: pages of rows, each with its checksum.
type transposed struct {
	positions int // a power of two
	width     int // bytes a row: one bit a block
}

func rowWidth(blocks int) int { return (blocks + 7) / 8 }

func (t transposed) rowsInPage() int { return filterPage / t.width }

func (t transposed) pageSize() int { return t.rowsInPage()*t.width + checksumSize }

func (t transposed) size() int64 {
	pages := (t.positions + t.rowsInPage() - 1) / t.rowsInPage()
	return int64(pages) * int64(t.pageSize())
}

// transpose writes the filters of blocks as a group's.
func transpose(dst []byte, blocks [][]uint64) (transposed, []byte) {
	t := transposed{positions: shrinkFilters(blocks), width: rowWidth(len(blocks))}
	perPage := t.rowsInPage()
	for first := 0; first < t.positions; first += perPage {
		start := len(dst)
		dst = append(dst, make([]byte, perPage*t.width)...)
		page := dst[start:]
		for b, filter := range blocks {
			last := min(first+perPage, t.positions)
			for p := first; p < last; p++ {
				if filter[p/64]>>(p%64)&1 != 0 {
					page[(p-first)*t.width+b/8] |= 1 << (b % 8)
				}
			}
		}
		dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(page, castagnoli()))
	}
	return t, dst
}

// shrinkFilters halves the filters as long as they stay sparse, and returns their positions.
func shrinkFilters(blocks [][]uint64) int {
	positions := filterBits
	for positions > leastBits {
		set := 0
		for _, filter := range blocks {
			half := positions / 128
			for i := range half {
				set += bits.OnesCount64(filter[i] | filter[i+half])
			}
		}
		if float64(set) > fullest*float64(positions/2)*float64(len(blocks)) {
			break
		}
		for _, filter := range blocks {
			half := positions / 128
			for i := range half {
				filter[i] |= filter[i+half]
			}
		}
		positions /= 2
	}
	return positions
}

// castagnoli is computed by the standard library once.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
