package client

import (
	"fmt"
)

// NotYours is the error for a name that is none of the resources that the person may open.
func NotYours(name string, mine []Resource) error {
	meant := ""
	for _, r := range mine {
		if slips(name, r.Name) <= 2 && len(name) > 2 {
			meant = fmt.Sprintf(" (did you mean %s?)", r.Name)
			break
		}
	}
	return fmt.Errorf("there is no resource %q that you may open%s; sally ls shows those that you may, and "+
		"sally access request %s --reason TEXT asks for it", name, meant, name)
}

// slips is in how few steps one word becomes the other, by putting in, taking out or changing a byte, or by changing two neighbours' places.
func slips(a, b string) int {
	two, one := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range one {
		one[j] = j
	}
	for i := range len(a) {
		row := make([]int, len(b)+1)
		row[0] = i + 1
		for j := range len(b) {
			other := 1
			if a[i] == b[j] {
				other = 0
			}
			row[j+1] = min(row[j]+1, one[j+1]+1, one[j]+other)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], two[j-1]+1)
			}
		}
		two, one = one, row
	}
	return one[len(b)]
}
