package admin_test

import (
	"os"
	"testing"

	"github.com/sallyport/sallyport/test/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// TestOnPostgres runs what depends most on the state once more: newPlane gives planes their state in PostgreSQL here.
func TestOnPostgres(t *testing.T) {
	for name, test := range map[string]func(*testing.T){
		"first start":       TestFirstStartThenEveryday,
		"suspension":        TestSuspendCutsEverything,
		"user made anew":    TestUserMadeAnew,
		"cuts":              TestChangesCutSessions,
		"tail":              TestTailEndsAtSignOut,
		"tokens":            TestIdentifyToken,
		"paging":            TestPaging,
		"record":            TestEveryActIsRecorded,
		"no record, no act": TestUnrecordedActsAreRefused,
		"rights":            TestWhoMayCallWhat,
		"sign-in link":      TestSignInLink,
		"approvals":         TestApprovalsAtOnce,
		"grants":            TestGrants,
		"passkeys":          TestPasskeyFromRegistrationToRemoval,
		"passwords":         TestSignInByPassword,
		"client session":    TestClientSessionIsRenewedWithAnotherSecretEachTime,
		"stolen secret":     TestStolenSecretEndsTheSession,
		"provider":          TestGroupThatIsTakenAwayCutsLiveSessions,
		"SSH keys":          TestSSHKeysFromRegistrationToRemoval,
		"SSH sign-in":       TestBrowserSignsInAnSSHConnection,
		"host keys":         TestFirstHostKeyIsPinned,
	} {
		t.Run(name, test)
	}
}
