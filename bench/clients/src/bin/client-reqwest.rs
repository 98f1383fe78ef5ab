//! reqwest's client as it comes. `client-reqwest URL TASKS`.

async fn ask(client: reqwest::Client, url: reqwest::Url) -> reqwest::Result<()> {
    loop {
        let mut response = client.get(url.clone()).send().await?;
        while let Some(piece) = response.chunk().await? {
            drop(piece);
        }
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let url: reqwest::Url = arguments[1].parse().expect("a URL");
    let tasks: usize = arguments[2].parse().expect("a number of tasks");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = reqwest::Client::new();
        let tasks: Vec<_> = (0..tasks).map(|_| tokio::spawn(ask(client.clone(), url.clone()))).collect();
        for task in tasks {
            task.await.expect("no panic").expect("an answer");
        }
    });
}
