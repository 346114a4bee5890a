package store_test

import (
	"os"
	"testing"

	"github.com/sallyport/sallyport/test/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
