//! A network between the instances and Redis: it leads to one server or another, and stalls, cuts and delays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use okta_introspect::{Random as _, SystemRandom};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

pub(crate) struct Relay {
    pub(crate) port: u16,
    way: Arc<Way>,
    cut: watch::Sender<u64>,
}

#[derive(Debug)]
struct Way {
    target: AtomicU16,
    is_lossy: AtomicBool,
}

impl Relay {
    pub(crate) async fn start(target: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let way = Arc::new(Way { target: target.into(), is_lossy: false.into() });
        let (cut, cuts) = watch::channel(0);
        let own = Arc::clone(&way);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(connection(stream, Arc::clone(&own), cuts.clone()));
            }
        });
        Ok(Self { port, way, cut })
    }

    pub(crate) fn set_lossy(&self, is_lossy: bool) {
        self.way.is_lossy.store(is_lossy, Ordering::Relaxed);
    }

    /// Ends all connections; new ones lead to another server.
    pub(crate) fn lead_to(&self, target: u16) {
        self.way.target.store(target, Ordering::Relaxed);
        self.cut.send_modify(|count| *count += 1);
    }
}

async fn connection(near: TcpStream, way: Arc<Way>, mut cuts: watch::Receiver<u64>) {
    cuts.mark_unchanged();
    let target = way.target.load(Ordering::Relaxed);
    let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let ((near_reads, near_writes), (far_reads, far_writes)) =
        (near.into_split(), far.into_split());
    tokio::select! {
        () = carry(near_reads, far_writes, &way) => {}
        () = carry(far_reads, near_writes, &way) => {}
        _ = cuts.changed() => {}
    }
}

async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: &Way) {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut bytes).await else { return };
        if way.is_lossy.load(Ordering::Relaxed) {
            match SystemRandom.fraction() {
                // A connection that breaks, with half of what it carried.
                ..0.005 => {
                    let _ = to.write_all(&bytes[..count / 2]).await;
                    return;
                }
                // One that is silent for longer than anybody waits.
                ..0.01 => sleep(Duration::from_secs(4)).await,
                // What was lost on the way and is sent again.
                ..0.05 => sleep(Duration::from_millis(200)).await,
                ..0.3 => sleep(Duration::from_millis(5).mul_f64(SystemRandom.fraction())).await,
                _ => {}
            }
        }
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}
