//! Loaded modules. The standard has one state for a process and a module, so there is one of each file
//! however many keys are reached through it, and none is ever unloaded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as ModuleError, RvError};

use super::fault::Fault;

/// For how long a module is left alone after it was initialised again: each time ends the sessions
/// with all its tokens.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// A module that is loaded and initialised.
pub(super) struct Module {
    path: PathBuf,
    /// Written to only while the module is initialised again, when no call may be under way.
    context: RwLock<Context>,
    /// The PINs that tokens have refused, as digests. Held during a login: of many threads with one
    /// wrong PIN, one tries it.
    refused: Mutex<BTreeSet<[u8; 32]>>,
}

/// A module between two initialisations.
pub(super) struct Context {
    pub(super) pkcs11: Pkcs11,
    /// Counts initialisations: handles are good within one of them.
    pub(super) generation: u64,
    /// Whether it was initialised here, and not by other code of this process.
    is_own: bool,
    initialised_again: Option<Instant>,
}

static MODULES: Mutex<BTreeMap<PathBuf, Arc<Module>>> = Mutex::new(BTreeMap::new());

impl Module {
    /// The module of this file, which is loaded if it is not yet.
    pub(super) fn load(path: &Path) -> Result<Arc<Self>, Fault> {
        let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(module) = modules.get(path) {
            return Ok(Arc::clone(module));
        }
        let pkcs11 = Pkcs11::new(path).map_err(|error| not_loaded(path, error))?;
        let is_own = initialise(&pkcs11, path)?;
        let context = Context { pkcs11, generation: 0, is_own, initialised_again: None };
        let module = Arc::new(Self {
            path: path.to_owned(),
            context: RwLock::new(context),
            refused: Mutex::default(),
        });
        modules.insert(path.to_owned(), Arc::clone(&module));
        Ok(module)
    }

    /// For calls of the module: it is not initialised again before this is dropped.
    pub(super) fn context(&self) -> RwLockReadGuard<'_, Context> {
        self.context.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same, unless that would have to wait for it.
    pub(super) fn context_at_once(&self) -> Option<RwLockReadGuard<'_, Context>> {
        self.context.try_read().ok()
    }

    /// For a login.
    pub(super) fn refused_pins(&self) -> MutexGuard<'_, BTreeSet<[u8; 32]>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Initialises the module again, unless another thread has done so since `generation`: many modules
    /// look for tokens, and for their connections, at no other time. Whether another attempt is worth
    /// it.
    pub(super) fn initialise_again(&self, generation: u64, now: Instant) -> Result<bool, Fault> {
        let mut context = self.context.write().unwrap_or_else(PoisonError::into_inner);
        if context.generation != generation {
            return Ok(true);
        }
        let is_early =
            |last: Instant| now.checked_duration_since(last).is_none_or(|age| age < PAUSE);
        if !context.is_own || context.initialised_again.is_some_and(is_early) {
            return Ok(false);
        }
        context.initialised_again = Some(now);
        context.generation = context.generation.wrapping_add(1);
        // A module that is in no state to end may still be able to begin.
        let _ = context.pkcs11.clone().finalize();
        context.is_own = initialise(&context.pkcs11, &self.path)?;
        Ok(true)
    }
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Module").field(&self.path).finish()
    }
}

/// Whether this call initialised it.
fn initialise(pkcs11: &Pkcs11, path: &Path) -> Result<bool, Fault> {
    match pkcs11.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) => Ok(true),
        Err(ModuleError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => Ok(false),
        Err(error) => Err(Fault::new(
            format!("the PKCS#11 module does not start: {}", path.display()),
            "see the module's own documentation: its configuration may be missing or wrong, or its device not be reachable",
        )
        .because(error)
        .reaching(super::fault::Reach::Token)),
    }
}

fn not_loaded(path: &Path, error: ModuleError) -> Fault {
    let shown = path.display();
    let fault = match &error {
        // A static binary has no dynamic linker, and says so in words of its C library.
        _ if cfg!(target_feature = "crt-static") && cfg!(unix) => Fault::new(
            format!("this program is linked statically and loads no PKCS#11 module: {shown}"),
            "use the glibc build of this program",
        ),
        ModuleError::MissingSymbol(_) => Fault::new(
            format!("this file is no PKCS#11 module: {shown}"),
            "name the module of the token, such as /usr/lib/softhsm/libsofthsm2.so",
        ),
        _ => Fault::new(
            format!("the PKCS#11 module cannot be loaded: {shown}"),
            "see that it is for this processor and this C library, and that the libraries it needs are installed (`ldd`)",
        ),
    };
    fault.because(error)
}
