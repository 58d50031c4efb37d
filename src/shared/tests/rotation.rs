//! The secret is changed, and so is the notation.

use super::*;

#[test_support::test]
async fn a_change_of_the_secret_in_three_steps_loses_nothing() {
    let (_, store) = clock_and_store();
    let at = |seed, secrets: &[&[u8]]| Instance::with(&store, seed, secrets);
    let steps =
        [at(1, &[SECRET]), at(2, &[SECRET, OTHER]), at(3, &[OTHER, SECRET]), at(4, &[OTHER])];
    for pair in steps.windows(2) {
        for (writer, reader) in [(0, 1), (1, 0)] {
            let (writer, reader) = (&pair[writer], &pair[reader]);
            let jti = format!("by-{}", writer.shared.inner.owner);
            // What the older one of the last pair puts, the newer one does not know any more.
            let known = reader.name(&jti);
            let places = [Some([known.active, known.inactive]), known.previous];
            let written = writer.name(&jti).active;
            let shares = places.iter().flatten().any(|place| place[0] == written);
            writer.put(&jti, &active(&jti)).await;
            assert_eq!(reader.look(&jti).await.is_some(), shares);
        }
    }
    // Neighbours of the first and of the middle step share both ways.
    for (writer, reader) in [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3)] {
        steps[writer].put("tok1", &active("a")).await;
        assert!(steps[reader].look("tok1").await.is_some(), "{writer} to {reader}");
        store.inner.flush();
        for step in &steps {
            step.shared
                .inner
                .orgs()
                .values()
                .for_each(|org| org.scales().doubt(step.clock.monotonic()));
        }
    }
}

#[test_support::test]
async fn nothing_is_put_or_sealed_with_the_previous_secret() {
    let (_, store) = clock_and_store();
    let (old, both) = (Instance::new(&store, 1), Instance::with(&store, 2, &[OTHER, SECRET]));
    let (before, now) = (old.name("tok1"), both.name("tok1"));
    assert_eq!(now.previous, Some([before.active.clone(), before.inactive]));
    both.put("tok1", &active("a")).await;
    assert_eq!(store.inner.get(&[&before.active]).await.unwrap(), [None]);
    let sealed = both.shared.seal("name", b"plain");
    assert_eq!(old.shared.open("name", &sealed), None);
    let sealed = old.shared.seal("name", b"plain");
    assert_eq!(both.shared.open("name", &sealed).unwrap(), b"plain");
}

#[test_support::test]
async fn a_value_of_another_version_is_no_failure() {
    let (_, store) = clock_and_store();
    let one = Instance::new(&store, 1);
    one.put("tok1", &active("a")).await;
    let name = one.name("tok1").active;
    let mut value = stolen(&store, &name).await;
    value[0] += 1;
    planted(&store, &name, &value).await;
    assert!(one.look("tok1").await.is_none());
    assert_eq!([one.looks("unreadable"), one.looks("failed")], [1, 0]);
}
